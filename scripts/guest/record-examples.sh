#!/bin/bash
# Records the tracing examples in a guest, where nothing runs but what this script starts:
#   scripts/guest/guest 6.12 scripts/guest/record-examples.sh OUT
# writes OUT/NAME.rec, to be copied to examples/NAME/NAME.rec.
cd "$(dirname "$0")/../.." || exit 1
export NODE_COMPILE_CACHE=/tmp/node-compile-cache
# Waiting starts no program, and opens no file: it would be recorded.
mkfifo /tmp/never; exec {never}<>/tmp/never
pause() { read -rt "$1" -u "$never" || :; }

work() {
  pause 1
  case $1 in
    open)
      # Some that succeed, some that fail.
      cat /etc/hostname /nothing/here >/dev/null; ls /usr/share/doc/bash >/dev/null; stat /proc/self/nothing >/dev/null ;;
    read-latency) head -c 500000 /dev/urandom | wc -c >/dev/null ;;
    *) ;;
  esac 2>/dev/null
  sh -c 'true; uname -r; date +%s; setpriv --reuid=65534 --regid=65534 --clear-groups id -u' >/dev/null
  env -i sh -c 'echo from a shell' >/dev/null
}

status=0
for name in exec exec-tree open read-latency syscalls; do
  # --json: a user half may clear its maps, and then they say nothing.
  node_modules/.bin/node packages/skep/bin/skep record --json --limit 600 --duration 60 -o "/mnt/out/$name.rec" "examples/$name/$name.ts" >"/tmp/$name.out" 2>"/mnt/out/$name.log" &
  recorder=$!
  # Until it is attached, its output is empty; a few seconds more, and it is at rest.
  for ((i = 0; i < 1500; i++)); do [[ -s /tmp/$name.out ]] && break; pause 0.2; done
  [[ $name == syscalls ]] || pause 3
  work "$name"
  pause 1
  kill -TERM "$recorder"
  wait "$recorder" || status=1
  tail -n 2 "/tmp/$name.out" >>"/mnt/out/$name.log"
  tail -n 1 "/mnt/out/$name.log"
done
exit $status
