#!/bin/sh
# build.sh [OUT]: core.o out of core.c.
set -e
here=$(cd "$(dirname "$0")" && pwd); out=${1:-$here}
clang=$(command -v clang-19 || command -v clang)
cd "$here"
"$clang" -target bpf -mcpu=v3 -O2 -g -ffile-prefix-map="$here"=. -c core.c -o "$out/core.o"
