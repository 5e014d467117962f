#!/usr/bin/env bash
# fetch.sh OUT: takes the BTF of Debian's 5.10, 6.1 and 6.12 kernels out of their packages, as OUT/VERSION.btf, and copies
# this machine's as OUT/host.btf. Needs Debian's apt, dpkg-deb, python3, objcopy, xz; 55-110 MB are downloaded a kernel.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "$1"); mkdir -p "$out"
cp /sys/kernel/btf/vmlinux "$out/host.btf"
apt=$(mktemp -d); trap 'rm -rf "$apt"' EXIT
while read -r version suite pattern; do
  [[ -e $out/$version.btf ]] && continue
  rm -rf "$apt"/*; mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/tree"
  case $suite in *-security) want=security ;; *) want=main ;; esac
  # the system's own mirrors, pointed at the suite that has this kernel
  mirror=$(awk -v want=$want '/^URIs:/{uri=$2} /^Suites:/{sec=/security/; if ((want=="security")==sec) {print uri; exit}}' /etc/apt/sources.list.d/debian.sources)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$apt/sources.list"
  a=(-o APT::Sandbox::User=root -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache")
  apt-get "${a[@]}" update -qq >&2
  name=$(apt-cache "${a[@]}" search --names-only "$pattern" | awk '{print $1}' | sort -V | tail -1)
  [[ -n $name ]] || { echo "fetch: no package like $pattern in $suite" >&2; exit 1; }
  (cd "$apt" && apt-get "${a[@]}" download -qq "$name" >&2 && dpkg-deb --fsys-tarfile ./*.deb | tar -x -C tree --wildcards './boot/vmlinuz-*')
  python3 "$here/extract.py" "$(ls "$apt"/tree/boot/vmlinuz-*)" "$apt/vmlinux"
  objcopy --dump-section ".BTF=$out/$version.btf" "$apt/vmlinux" /dev/null
  echo "$version $name $(stat -c %s "$out/$version.btf") bytes"
done <<'KERNELS'
6.12 bookworm-security ^linux-image-6\.12\.[0-9]+\+deb12-amd64$
6.1 bookworm ^linux-image-6\.1\.0-[0-9]+-amd64$
5.10 bullseye-security ^linux-image-5\.10\.0-[0-9]+-amd64$
KERNELS
