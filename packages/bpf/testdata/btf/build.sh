#!/bin/sh
# build.sh [OUT]: the BTF that clang writes for types.c, in both byte orders, and its .BTF.ext.
set -e
here=$(cd "$(dirname "$0")" && pwd); out=${1:-$here}; work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
clang=$(command -v clang-19 || command -v clang); objcopy=$(command -v llvm-objcopy-19 || command -v llvm-objcopy)
cd "$here"
for order in bpfel bpfeb; do
  "$clang" -target $order -mcpu=v3 -O2 -g -ffile-prefix-map="$here"=. -c types.c -o "$work/$order.o"
  suffix=; [ $order = bpfeb ] && suffix=-be
  "$objcopy" --dump-section .BTF="$out/types$suffix.btf" --dump-section .BTF.ext="$out/types$suffix.ext" "$work/$order.o" /dev/null
done
