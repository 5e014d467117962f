// One of each kind of type that clang puts into BTF. Built by build.sh into types.btf (little-endian) and types-be.btf.
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;

enum small { SMALL_A, SMALL_B = 7 };
enum negative { NEG_A = -1, NEG_B = 5 };
enum big { BIG_A = 0xcbf29ce484222325ULL, BIG_B = 1 };
enum bigneg { BIGNEG_A = -0x123456789abcLL };

struct forward;
struct node { struct node *next; struct forward *other; };
union either { int i; float f; char c[4]; };
typedef struct { __u32 val; } wrapped_t;

struct all {
	char comm[16];
	__u8 bytes[6];
	_Bool flag;
	char letter;
	signed char tiny;
	short s;
	unsigned short us;
	int i;
	__u32 u;
	long long ll;
	__u64 ull;
	__int128 wide;
	float f;
	double d;
	enum small small;
	enum negative negative;
	enum big big;
	enum bigneg bigneg;
	const volatile int *pointer;
	__be16 port;
	__be32 addr;
	__be64 be;
	wrapped_t wrapped;
	struct { int inner_a; union { __u8 inner_b; __u16 inner_c; }; };
	union either either;
	struct node nodes[2];
	int matrix[2][3];
	unsigned bits1 : 1;
	unsigned bits5 : 5;
	int sbits : 7;
	__u64 lbits : 40;
	_Bool bbit : 1;
	void (*call)(int, char *);
	char names[2][8];
	struct { } nothing;
	int flexible[];
};

struct all *keep_all;
int counter __attribute__((section(".data"))) = 1;
static const int limit __attribute__((used)) = 5;
#define tag(x) __attribute__((btf_type_tag(#x)))
#define dtag(x) __attribute__((btf_decl_tag(#x)))
int tag(user) *tagged;
struct decorated { int member dtag(of_member); } dtag(of_struct);
struct decorated keep_decorated;

__attribute__((noinline)) static int sub(int a, char *restrict b dtag(of_param)) { return a + *b; }

__attribute__((section("socket"), used)) int entry(struct node *ctx)
{
	char c = 1;
	counter += sub(ctx != 0, &c);
	return counter + limit;
}
char _license[] __attribute__((section("license"))) = "GPL";
