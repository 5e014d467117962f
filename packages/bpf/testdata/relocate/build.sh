#!/bin/sh
# build.sh [OUT]: core.o, target.o and matrix.o out of their sources.
set -e
here=$(cd "$(dirname "$0")" && pwd); out=${1:-$here}
clang=$(command -v clang-19 || command -v clang)
cd "$here"
"$clang" -target bpf -mcpu=v3 -O2 -g -ffile-prefix-map="$here"=. -c core.c -o "$out/core.o"
for name in target matrix; do
	"$clang" -target bpf -mcpu=v3 -O2 -g -ffile-prefix-map="$here"=. -c $name.c -o "$out/$name.o"
	llvm-strip-19 -g "$out/$name.o"
done
