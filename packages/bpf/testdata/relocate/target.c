// Types that matrix.c is relocated to. Built by build.sh; only its BTF is used.
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
typedef signed char s8; typedef short s16; typedef int s32; typedef long long s64;

struct moved { u64 gap; u32 a; u64 b; u16 c; u8 d; s32 e; char text[12]; };
struct nested { u64 gap; struct { u64 x; union { u32 y; u64 z; }; }; union { struct { u16 p, q; }; u32 pq; }; };
struct flat { u64 x; u32 y; u16 q; };
struct element { u64 gap; u32 v; };
struct arrays { u64 gap; u32 one[3]; u16 two[4][5]; struct element list[2]; u32 *pointers[2]; u8 tail[]; };
struct tail_one { u64 gap; u32 n; u32 tail[1]; };
struct grown { u8 a; u16 b; u32 c; u64 d; u64 *p; s32 s; s64 t; };
struct kinds { float f; double g; u32 *p; enum colour { RED = 3, GREEN = 70000, BLUE = -5 } colour; void (*call)(int); u32 n; };
struct bits {
	u32 a : 3; u32 b : 11; s32 c : 7; u32 : 0;
	u64 d : 33; u64 e : 20;
	u8 f : 2; u8 g : 6;
	u16 h : 9; u16 plain;
	s64 wide : 60; u32 full : 32;
	_Bool flag : 1; enum colour tint : 4;
};
struct unbits { u32 a; u16 b; s32 c; u64 d; };
union overlay { u32 a; u64 b; struct { u16 low, high; }; };
enum big { SMALL = 1, HUGE = 0x1234567890abcdefULL, TOP = 0xffffffffffffffffULL };
enum negative { LOW = -9000000000LL, HIGH = 5 };
enum values { FIRST = 10, SECOND = 20, THIRD___kernel = 30 };
enum empty_twin { ONLY = 1 };
typedef struct { u64 gap; u32 inside; } anonymous_t;
typedef u64 number_t;
typedef u32 table_t[7];
typedef int (*callback_t)(u32, u64 *);
typedef int proto_t(u32, u64 *);
struct forward;
struct with_forward { struct forward *f; struct moved *m; };
struct self { struct self *next; u64 v; };
struct flavoured___kernel { u64 gap; u32 a; };
struct both { u32 a; };
struct both___kernel { u64 gap; u32 a; };
struct volatile_things { const volatile u32 a; u64 *const b; u32 *restrict c; };

struct all {
	struct moved a; struct nested b; struct flat c; struct arrays *d; struct tail_one e; struct grown f; struct kinds g;
	struct bits h; struct unbits i; union overlay j; enum big k; enum negative l; enum values m; enum empty_twin n;
	anonymous_t o; number_t p; table_t q; callback_t r; proto_t *s; struct with_forward t; struct self u;
	struct flavoured___kernel v; struct both w; struct both___kernel x; struct volatile_things y;
} all;

// Two types of a name each: in one pair they agree on `a`, in the other they do not.
int one(void *p)
{
	struct agreed { u32 a; u8 rest; } *x = p;
	struct differing { u32 a; u8 rest; } *y = p;
	enum twice { TWICE = 1 } z = *(int *)p;
	return x->a + y->a + z;
}
int two(void *p)
{
	struct agreed { u32 a; u64 rest[9]; } *x = p;
	struct differing { u64 rest; u32 a; } *y = p;
	enum twice { TWICE = 2 } z = *(int *)p;
	return x->a + y->a + z;
}
