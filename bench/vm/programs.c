// What `npm run bench:vm` measures: each program works on a few bytes of the packet, so that nothing of it is known beforehand, and
// folds its result into what it returns. For the kernel and for the virtual one alike.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define PACKET 512
#define BARRIER(x) asm volatile("" : "+r"(x))

/** The packet's first bytes; the program ends where it is shorter. */
#define BYTES(ctx, count)                                     \
	({                                                    \
		void *start = (void *)(long)(ctx)->data;      \
		if (start + (count) > (void *)(long)(ctx)->data_end) \
			return 0;                             \
		(u8 *)start;                                  \
	})
#define FOLD(x) ((u32)(x) ^ (u32)((u64)(x) >> 32))

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	return 2;
}

SEC("xdp")
int fib(struct xdp_md *ctx)
{
	u8 *p = BYTES(ctx, 2);
	u64 a = p[0], b = p[1] + 1;
	for (int i = 0; i < 1000; i++) {
		u64 next = a + b;
		BARRIER(next);
		a = b;
		b = next;
	}
	return FOLD(a);
}

SEC("xdp")
int prime(struct xdp_md *ctx)
{
	u8 *p = BYTES(ctx, 1);
	u32 found = 0, first = 3 + (p[0] & 1);
	for (u32 n = first; n < 400; n++) {
		int is_prime = 1;
		for (u32 d = 2; d * d <= n; d++) {
			u32 by = d;
			BARRIER(by);
			if (n % by == 0) {
				is_prime = 0;
				break;
			}
		}
		found += is_prime;
	}
	return found;
}

SEC("xdp")
int log2(struct xdp_md *ctx)
{
	u8 *p = BYTES(ctx, 8);
	u64 word = *(u64 *)p | 1, sum = 0;
	for (int i = 0; i < 100; i++) {
		u64 v = word >> (i & 31);
		u32 r = 0;
		if (v >> 32) { v >>= 32; r += 32; }
		if (v >> 16) { v >>= 16; r += 16; }
		if (v >> 8) { v >>= 8; r += 8; }
		if (v >> 4) { v >>= 4; r += 4; }
		if (v >> 2) { v >>= 2; r += 2; }
		if (v >> 1) r += 1;
		sum += r;
		BARRIER(sum);
	}
	return sum;
}

SEC("xdp")
int memcompare(struct xdp_md *ctx)
{
	u8 *p = BYTES(ctx, 256 + 256);
	u32 same = 0;
	for (int round = 0; round < 4; round++) {
		for (u32 i = 0; i < 256; i++) {
			if (p[i] != p[256 + i])
				break;
			same++;
		}
		BARRIER(same);
	}
	return same;
}

SEC("xdp")
int packet_checksum(struct xdp_md *ctx)
{
	u8 *p = BYTES(ctx, 128);
	u64 sum = 0;
#pragma unroll
	for (int i = 0; i < 64; i++)
		sum += ((u16 *)p)[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

#define ROTL64(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define SIP_ROUND                                        \
	do {                                             \
		v0 += v1; v1 = ROTL64(v1, 13); v1 ^= v0; v0 = ROTL64(v0, 32); \
		v2 += v3; v3 = ROTL64(v3, 16); v3 ^= v2;  \
		v0 += v3; v3 = ROTL64(v3, 21); v3 ^= v0;  \
		v2 += v1; v1 = ROTL64(v1, 17); v1 ^= v2; v2 = ROTL64(v2, 32); \
	} while (0)

SEC("xdp")
int siphash(struct xdp_md *ctx)
{
	u8 *p = BYTES(ctx, 128);
	u64 k0 = 0x0706050403020100ULL, k1 = 0x0f0e0d0c0b0a0908ULL;
	u64 v0 = k0 ^ 0x736f6d6570736575ULL, v1 = k1 ^ 0x646f72616e646f6dULL;
	u64 v2 = k0 ^ 0x6c7967656e657261ULL, v3 = k1 ^ 0x7465646279746573ULL;
	for (int i = 0; i < 16; i++) {
		u64 m = ((u64 *)p)[i];
		v3 ^= m;
		SIP_ROUND;
		SIP_ROUND;
		v0 ^= m;
	}
	v2 ^= 0xff;
	SIP_ROUND;
	SIP_ROUND;
	SIP_ROUND;
	SIP_ROUND;
	u64 h = v0 ^ v1 ^ v2 ^ v3;
	return FOLD(h);
}

#define ROTL32(x, b) (((x) << (b)) | ((x) >> (32 - (b))))

SEC("xdp")
int jhash(struct xdp_md *ctx)
{
	u8 *p = BYTES(ctx, 192);
	u32 a = 0xdeadbeef + 192, b = a, c = a;
	for (int i = 0; i < 16; i++) {
		a += ((u32 *)p)[i * 3];
		b += ((u32 *)p)[i * 3 + 1];
		c += ((u32 *)p)[i * 3 + 2];
		a -= c; a ^= ROTL32(c, 4); c += b;
		b -= a; b ^= ROTL32(a, 6); a += c;
		c -= b; c ^= ROTL32(b, 8); b += a;
		a -= c; a ^= ROTL32(c, 16); c += b;
		b -= a; b ^= ROTL32(a, 19); a += c;
		c -= b; c ^= ROTL32(b, 4); b += a;
	}
	c ^= b; c -= ROTL32(b, 14);
	a ^= c; a -= ROTL32(c, 11);
	b ^= a; b -= ROTL32(a, 25);
	c ^= b; c -= ROTL32(b, 16);
	return c;
}

SEC("xdp")
int crc32(struct xdp_md *ctx)
{
	u8 *p = BYTES(ctx, 64);
	u32 crc = ~0u;
	for (int i = 0; i < 64; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++) {
			u32 low = crc & 1;
			BARRIER(low);
			crc = (crc >> 1) ^ (0xedb88320 * low);
		}
	}
	return ~crc;
}

u32 a[64], b[64];

SEC("xdp")
int matmul(struct xdp_md *ctx)
{
	u8 *p = BYTES(ctx, 128);
	u32 sum = 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 64; i++) {
		a[i] = p[i];
		b[i] = p[64 + i];
	}
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < 8; i++)
#pragma clang loop unroll(disable)
		for (u32 j = 0; j < 8; j++) {
			u32 c = 0;
			for (u32 k = 0; k < 8; k++)
				c += a[(i * 8 + k) & 63] * b[(k * 8 + j) & 63];
			BARRIER(c);
			sum = sum * 31 + c;
		}
	return sum;
}

SEC("xdp")
int loop_100k(struct xdp_md *ctx)
{
	u8 *p = BYTES(ctx, 1);
	u64 x = p[0];
	for (u32 i = 0; i < 100000; i++) {
		x ^= x << 7;
		x += i;
	}
	return FOLD(x);
}

static __noinline u64 step(u64 x, u64 i)
{
	return (x ^ i) * 31 + 7;
}

SEC("xdp")
int subprograms(struct xdp_md *ctx)
{
	u8 *p = BYTES(ctx, 1);
	u64 x = p[0];
	for (u32 i = 0; i < 1000; i++)
		x = step(x, i);
	return FOLD(x);
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 256);
} numbers SEC(".maps");

SEC("xdp")
int array_map(struct xdp_md *ctx)
{
	u64 sum = 0;
	for (u32 i = 0; i < 256; i++) {
		u32 key = i;
		u64 *value = bpf_map_lookup_elem(&numbers, &key);
		if (!value)
			return 0;
		*value += i;
		sum += *value;
	}
	return FOLD(sum);
}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 1024);
} counts SEC(".maps");

SEC("xdp")
int hash_map(struct xdp_md *ctx)
{
	u64 sum = 0;
	for (u32 i = 0; i < 256; i++) {
		u32 key = i * 7919;
		u64 *value = bpf_map_lookup_elem(&counts, &key);
		if (value) {
			*value += i;
			sum += *value;
		} else {
			u64 first = i;
			bpf_map_update_elem(&counts, &key, &first, BPF_ANY);
		}
	}
	return FOLD(sum);
}

// Not in the mean: what the JIT does in place, or has to do by a call.
static int one_round(u64 i, u64 *sum)
{
	*sum += i;
	return 0;
}

SEC("xdp")
int rounds(struct xdp_md *ctx)
{
	u64 sum = 0;
	bpf_loop(1000, one_round, &sum, 0);
	return FOLD(sum);
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, u32);
	__type(value, u32);
	__uint(max_entries, 2);
} next SEC(".maps");

SEC("xdp")
int tail_calls(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &next, 0);
	return 1;
}

SEC("xdp")
int helper_calls(struct xdp_md *ctx)
{
	u64 sum = 0;
	for (int i = 0; i < 1000; i++)
		sum += bpf_get_prandom_u32();
	return sum == 1 ? 1 : 2;
}

char LICENSE[] SEC("license") = "GPL";
