// Instructions of every kind that clang makes, for comparing our text with llvm-objdump's.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

static void *(*lookup)(void *map, const void *key) = (void *)1;
static u64 (*time)(void) = (void *)5;

u64 arithmetic(u64 a, u64 b, u32 c, u32 d)
{
	u64 r = a + b * 3 - (a / b) % 7;
	u32 w = c * d + (c / 5) % (d | 1);

	r ^= (r << (b & 63)) | (r >> 3) | ((s64)r >> 5);
	w ^= (w << 7) | (w >> (c & 31)) | ((s32)w >> 2);
	return r + w + -a;
}

s64 signs(s64 a, s64 b, s32 c, s32 d)
{
	return a / b + a % b + c / d + c % d + (s8)a + (s16)b + (s32)a;
}

u64 orders(u64 a, u32 b, u16 c)
{
	return __builtin_bswap64(a) + __builtin_bswap32(b) + __builtin_bswap16(c);
}

s64 memory(u8 *p, s8 *q)
{
	*(u8 *)(p + 1) = *(u16 *)(p + 2);
	*(u32 *)(p + 4) = *(u64 *)(p + 8);
	*(u64 *)(p - 8) = 0x123456789abcdefULL;
	*(u16 *)(p + 6) = 5;
	return q[0] + *(s16 *)(q + 2) + *(s32 *)(q + 4);
}

u64 atomics(u64 *p, u32 *q, u64 v)
{
	u64 r = 0;

	__sync_fetch_and_add(p, v);
	__sync_fetch_and_and(q, v);
	r += __sync_fetch_and_add(p + 1, v);
	r += __sync_fetch_and_or(p + 2, v);
	r += __sync_fetch_and_xor(q + 3, v);
	r += __sync_lock_test_and_set(p + 3, v);
	r += __sync_lock_test_and_set(q + 7, v);
	r += __sync_val_compare_and_swap(p + 4, v, 9);
	r += __sync_val_compare_and_swap(q + 9, v, 9);
	return r;
}

u64 jumps(u64 a, s64 b, u32 c, s32 d, u64 *out)
{
	u64 r = time();

	if (a > 5)
		out[0] = r;
	if (b < -3)
		out[1] = r;
	if (c >= (u32)d)
		out[2] = r;
	if (d <= 100)
		out[3] = r;
	if (a & 16)
		out[4] = r;
	if (a != (u64)b)
		out[5] = r;
	for (u32 i = 0; i < c; i++)
		r += out[i] ^ time();
	return r + (u64)lookup(out, &r);
}
