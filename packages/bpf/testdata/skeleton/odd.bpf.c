// Names and types that a skeleton in TypeScript must not stumble over.
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

struct string {
	int class;
	char text[8];
	signed char bytes[4];
};
struct Odd {
	struct string string;
	struct Program *Program;
	union {
		__u64 whole;
		struct {
			__u32 low, high;
		};
	};
	__u32 flags : 3, rest : 29;
	bool yes;
	struct {
		int x, y;
	} point, line[2];
	union {
		int i;
		float f;
	} either;
	void (*call)(void);
	struct string many[2][3];
};
struct Program {
	int x;
};
typedef struct {
	__u64 total;
	enum { NONE, SOME } state;
} number;
enum big { HUGE = 0x100000000ULL };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, struct string);
	__type(value, struct Odd);
} new SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, number);
} delete SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} await SEC(".maps");

const volatile int let = 1;
const volatile enum big big = HUGE;
const volatile char motto[8] SEC(".rodata.motto.1") = "first";
int function SEC(".data.1st-part") = 3;
number typeof_ SEC(".data.1st-part");
struct Program load SEC(".data.2");
bool yes;
__u64 maps[2] = { 5, 6 };
static volatile int hidden = 7;

SEC("socket")
int class(struct __sk_buff *ctx)
{
	struct string k = { .class = let };
	struct Odd v = { .whole = 1ULL << 32 | 2, .flags = 5, .yes = true, .point = { 1, -2 } };
	__u32 zero = 0;
	number *n = bpf_map_lookup_elem(&delete, &zero);

	k.text[0] = motto[0];
	bpf_map_update_elem(&new, &k, &v, 0);
	if (n)
		n->total += maps[0];
	maps[1]++;
	yes = true;
	load.x = hidden++;
	typeof_.total = big;
	bpf_ringbuf_output(&await, &zero, 4, 0);
	return function + let;
}

SEC("?tp/sched/sched_process_exec")
int var(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
