// judge OBJECT TARGET [PROGRAM…]: libbpf's words on every CO-RE relocation of OBJECT against the BTF of TARGET, the named
// programs left out. Compiled and run by matrix.test.ts; whether the kernel takes the programs does not matter.
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int say(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	return vprintf(format, args);
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = argv[2]);
	struct bpf_object *object;
	struct bpf_program *program;

	libbpf_set_print(say);
	object = bpf_object__open_file(argv[1], &options);
	if (!object)
		return 1;
	bpf_object__for_each_program(program, object) {
		int wanted = 1;
		for (int i = 3; i < argc; i++)
			wanted &= strcmp(argv[i], bpf_program__name(program)) != 0;
		bpf_program__set_autoload(program, wanted);
	}
	bpf_object__load(object);
	return 0;
}
