/*
 * The peer of the ring-buffer benchmark: libbpf's ring_buffer over the object that skep compiled, for some seconds.
 * Usage: consumer OBJECT SECONDS. Prints one JSON line: records, sum, lost, cpu_ns.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static unsigned long long records, sum;

static int handle(void *ctx, void *data, size_t size)
{
	unsigned long long *w = data;

	records++;
	sum += w[0] + w[3] + w[7];
	return 0;
}

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct bpf_object *object = bpf_object__open_file(argv[1], NULL);
	struct bpf_program *program;
	struct ring_buffer *ring;
	double end, cpu;
	unsigned long long lost = 0, values[1024] = { 0 };
	unsigned zero = 0;

	if (!object || bpf_object__load(object))
		return 1;
	program = bpf_object__next_program(object, NULL);
	if (!program || !bpf_program__attach(program))
		return 1;
	ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "ticks"), handle, NULL, NULL);
	if (!ring)
		return 1;
	cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	end = now(CLOCK_MONOTONIC) + atof(argv[2]);
	while (now(CLOCK_MONOTONIC) < end)
		ring_buffer__poll(ring, 50);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	if (!bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(object, "skep_lost"), &zero, values))
		for (int i = 0; i < libbpf_num_possible_cpus(); i++)
			lost += values[i];
	printf("{\"records\":%llu,\"sum\":%llu,\"lost\":%llu,\"cpu_ns\":%.0f}\n", records, sum, lost, cpu * 1e9);
	return 0;
}
