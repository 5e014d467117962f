#!/bin/sh
# build.sh [OUT]: the golden objects of this folder. Needs clang-19, llvm-strip-19 and libbpf-dev.
set -eu
cd "$(dirname "$0")"
out=${1:-.}
include=$(cc -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)
compile() {
	name=$1; shift
	clang-19 -O2 -target "${TARGET:-bpf}" -fdebug-compilation-dir=. -I"/usr/include/$include" -c "$@" -o "$out/$name.bpf.o"
	llvm-strip-19 -g "$out/$name.bpf.o"
}
for name in struct-ops values kernel exception poison modules kinds declared; do
	compile $name -g -mcpu=v3 $name.bpf.c
done
compile arena -g -mcpu=v4 arena.bpf.c
compile legacy -mcpu=v1 legacy.bpf.c
compile legacy-samples -mcpu=v1 -DSAMPLES legacy.bpf.c
compile legacy-iproute2 -mcpu=v1 -DIPROUTE2 legacy.bpf.c
TARGET=bpfeb compile values-eb -g -mcpu=v3 values.bpf.c
TARGET=bpfeb compile legacy-eb -mcpu=v1 legacy.bpf.c
