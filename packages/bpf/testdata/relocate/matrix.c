// Every kind of CO-RE relocation against target.c, where the thing is there, elsewhere, of another shape, or missing: one
// program a relocation, so that a refusal is one program's. What libbpf makes of each is compared: see matrix.test.ts.
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
typedef signed char s8; typedef short s16; typedef int s32; typedef long long s64;
#define core __attribute__((preserve_access_index))
#define SEC(x) __attribute__((section(x), used))
char _license[] SEC("license") = "GPL";
u64 out;

struct moved { u32 a; u64 b; u16 c; u8 d; s32 e; char text[12]; u32 lost; } core;
struct moved___short { char text[4]; s64 a; u32 *b; float c; struct { u32 x; } d; u32 e; } core;
struct nested { u32 y; u64 x; u16 q; u64 z; u32 pq; } core;
struct flat { struct { union { u32 y; u64 x; }; struct { u16 q; }; }; } core;
struct element { u32 v; } core;
struct arrays { u32 one[9]; u16 two[9][9]; struct element list[9]; u32 *pointers[9]; u8 tail[]; } core;
struct arrays___zero { u8 tail[0]; } core;
struct tail_one { u32 tail[]; } core;
struct grown { u64 a; u8 b; u16 c; u32 d; void *p; s64 s; s32 t; } core;
struct kinds { float f; double g; void *p; enum colour { RED = 1 } colour; void (*call)(int); enum colour n; } core;
struct kinds___ints { u32 f; u64 p; u32 colour; float n; u64 call; } core;
struct bits {
	u32 a : 5; u32 b : 3; s32 c : 2; u64 d : 5; u64 e : 50; u8 f : 1; u8 g : 1; u16 h : 3; u16 plain : 3;
	s64 wide : 7; u32 full : 4; _Bool flag : 1; u32 tint : 2; u32 lost : 1;
} core;
struct bits___plain { u32 a; u64 d; u8 g; u16 plain; s64 wide; u32 full; _Bool flag; } core;
struct unbits { u32 a : 7; u16 b : 9; s32 c : 3; u64 d : 40; } core;
union overlay { u64 b; u32 a; struct { u16 high; }; u8 lost; } core;
struct gone { u32 a; u32 b : 3; } core;
enum big { SMALL = 7, HUGE = 2, TOP = 0xfffffffffffffff0ULL, ABSENT = 0x8000000000000000ULL };
enum negative { LOW = -2, HIGH = 6, NONE = -3 };
enum values { FIRST = 1, SECOND___mine = 2, THIRD = 3, FOURTH = 4 };
enum empty_twin { NOT_THERE = 1 };
enum gone_enum { GONE = 1 };
typedef struct { u32 inside; u32 lost; } core anonymous_t;
typedef u64 number_t;
typedef u32 table_t[7];
typedef u32 table_t___longer[8];
typedef int (*callback_t)(u32, u64 *);
typedef int (*callback_t___less)(u32);
typedef int (*callback_t___other)(u64, u64 *);
typedef int proto_t(u32, u64 *);
typedef struct moved number_t___struct;
struct forward { int hidden; };
struct with_forward { struct forward *f; struct moved *m; };
struct self { struct self *next; u64 v; };
struct self___more { struct self *next; u64 v; u64 more; };
struct self___size { struct self *next; u32 v; };
struct flavoured { u32 a; } core;
struct both { u32 a; } core;
struct volatile_things { u32 a; u64 *b; u32 *c; } core;
struct agreed { u32 a; } core;
struct differing { u32 a; } core;
enum twice { TWICE = 9 };
union moved___union { u32 a; };
union overlay___less { u64 b; };
enum values___less { FIRST___less = 1 };
enum values___more { FIRST___more = 1, FIFTH = 5 };
enum values___wide { SECOND___wide = 0x100000000ULL };

#define PROGRAM(name, value) SEC("?raw_tp/x") int name(void *ctx) { out = (u64)(value); return 0; }
#define LOAD(name, t, f) SEC("?raw_tp/x") int name(t *ctx) { out = (u64)ctx->f; return 0; }
#define STORE(name, t, f) SEC("?raw_tp/x") int name(t *ctx) { ctx->f = 1; return 0; }
#define INFO(name, t, f, kind) PROGRAM(name, __builtin_preserve_field_info(((t *)0)->f, kind))
#define FIELD(name, t, f) INFO(name##_offset, t, f, 0) INFO(name##_size, t, f, 1) INFO(name##_exists, t, f, 2) \
	INFO(name##_signed, t, f, 3) INFO(name##_lshift, t, f, 4) INFO(name##_rshift, t, f, 5)
#define PLAIN(name, t, f) INFO(name##_offset, t, f, 0) INFO(name##_size, t, f, 1) INFO(name##_exists, t, f, 2)
#define TYPE(name, t) PROGRAM(name##_local, __builtin_btf_type_id(*(t *)0, 0)) PROGRAM(name##_target, __builtin_btf_type_id(*(t *)0, 1)) \
	PROGRAM(name##_exists, __builtin_preserve_type_info(*(t *)0, 0)) PROGRAM(name##_size, __builtin_preserve_type_info(*(t *)0, 1)) \
	PROGRAM(name##_matches, __builtin_preserve_type_info(*(t *)0, 2))
#define VALUE(name, t, v) PROGRAM(name##_exists, __builtin_preserve_enum_value(*(t *)v, 0)) PROGRAM(name##_value, __builtin_preserve_enum_value(*(t *)v, 1))

FIELD(moved_a, struct moved, a) FIELD(moved_c, struct moved, c) FIELD(moved_e, struct moved, e) FIELD(moved_lost, struct moved, lost)
PLAIN(moved_text, struct moved, text) PLAIN(moved_text5, struct moved, text[5]) LOAD(load_text, struct moved, text[11])
PLAIN(short_text, struct moved___short, text[3]) FIELD(short_a, struct moved___short, a) PLAIN(short_b, struct moved___short, b)
PLAIN(short_c, struct moved___short, c) PLAIN(short_d, struct moved___short, d) FIELD(short_e, struct moved___short, e)
LOAD(load_a, struct moved, a) LOAD(load_b, struct moved, b) LOAD(load_c, struct moved, c) LOAD(load_d, struct moved, d)
LOAD(load_e, struct moved, e) LOAD(load_lost, struct moved, lost) STORE(store_a, struct moved, a) STORE(store_c, struct moved, c)
STORE(store_lost, struct moved, lost) LOAD(load_short_a, struct moved___short, a) LOAD(load_short_e, struct moved___short, e)
FIELD(nested_y, struct nested, y) FIELD(nested_q, struct nested, q) FIELD(nested_z, struct nested, z) FIELD(nested_pq, struct nested, pq)
FIELD(flat_y, struct flat, y) FIELD(flat_x, struct flat, x) FIELD(flat_q, struct flat, q) LOAD(load_flat, struct flat, q)
PLAIN(array_one2, struct arrays, one[2]) PLAIN(array_one3, struct arrays, one[3]) PLAIN(array_two, struct arrays, two[3][4])
PLAIN(array_two_out, struct arrays, two[3][5]) PLAIN(array_list, struct arrays, list[1].v) PLAIN(array_list_out, struct arrays, list[2].v)
PLAIN(array_pointer, struct arrays, pointers[1]) PLAIN(array_tail, struct arrays, tail[100]) PLAIN(array_whole, struct arrays, one)
PLAIN(array_zero, struct arrays___zero, tail[9]) PLAIN(array_tail_one, struct tail_one, tail[50]) LOAD(load_list, struct arrays, list[1].v)
FIELD(grown_a, struct grown, a) FIELD(grown_b, struct grown, b) FIELD(grown_c, struct grown, c) FIELD(grown_d, struct grown, d)
LOAD(load_grown_a, struct grown, a) LOAD(load_grown_b, struct grown, b) LOAD(load_grown_c, struct grown, c) LOAD(load_grown_d, struct grown, d)
LOAD(load_grown_p, struct grown, p) LOAD(load_grown_s, struct grown, s) LOAD(load_grown_t, struct grown, t) STORE(store_grown_c, struct grown, c)
PLAIN(kind_f, struct kinds, f) PLAIN(kind_g, struct kinds, g) PLAIN(kind_p, struct kinds, p) FIELD(kind_colour, struct kinds, colour)
PLAIN(kind_call, struct kinds, call) PLAIN(kind_n, struct kinds, n)
PLAIN(ints_f, struct kinds___ints, f) PLAIN(ints_p, struct kinds___ints, p) PLAIN(ints_colour, struct kinds___ints, colour)
PLAIN(ints_n, struct kinds___ints, n) PLAIN(ints_call, struct kinds___ints, call)
FIELD(bits_a, struct bits, a) FIELD(bits_b, struct bits, b) FIELD(bits_c, struct bits, c) FIELD(bits_d, struct bits, d) FIELD(bits_e, struct bits, e)
FIELD(bits_f, struct bits, f) FIELD(bits_g, struct bits, g) FIELD(bits_h, struct bits, h) FIELD(bits_plain, struct bits, plain)
FIELD(bits_wide, struct bits, wide) FIELD(bits_full, struct bits, full) FIELD(bits_flag, struct bits, flag) FIELD(bits_tint, struct bits, tint)
FIELD(bits_lost, struct bits, lost)
FIELD(plain_a, struct bits___plain, a) FIELD(plain_d, struct bits___plain, d) FIELD(plain_g, struct bits___plain, g)
FIELD(plain_plain, struct bits___plain, plain) FIELD(plain_wide, struct bits___plain, wide) FIELD(plain_full, struct bits___plain, full)
FIELD(plain_flag, struct bits___plain, flag) LOAD(load_plain_a, struct bits___plain, a) LOAD(load_plain_full, struct bits___plain, full)
FIELD(unbits_a, struct unbits, a) FIELD(unbits_b, struct unbits, b) FIELD(unbits_c, struct unbits, c) FIELD(unbits_d, struct unbits, d)
FIELD(overlay_a, union overlay, a) FIELD(overlay_high, union overlay, high) FIELD(overlay_lost, union overlay, lost)
FIELD(gone_a, struct gone, a) FIELD(gone_b, struct gone, b) LOAD(load_gone, struct gone, a)
PLAIN(anonymous_inside, anonymous_t, inside) PLAIN(anonymous_lost, anonymous_t, lost)
FIELD(flavoured_a, struct flavoured, a) FIELD(both_a, struct both, a) INFO(both_only, struct both, a, 2)
PLAIN(volatile_a, struct volatile_things, a) PLAIN(volatile_b, struct volatile_things, b) PLAIN(volatile_c, struct volatile_things, c)
PLAIN(agreed_a, struct agreed, a) PLAIN(differing_a, struct differing, a) LOAD(load_agreed, struct agreed, a) LOAD(load_differing, struct differing, a)
TYPE(moved, struct moved) TYPE(moved_union, union moved___union) TYPE(gone, struct gone) TYPE(overlay, union overlay) TYPE(overlay_less, union overlay___less)
TYPE(big, enum big) TYPE(negative, enum negative) TYPE(values, enum values) TYPE(values_less, enum values___less) TYPE(values_more, enum values___more)
TYPE(values_wide, enum values___wide) TYPE(gone_enum, enum gone_enum) TYPE(anonymous, anonymous_t) TYPE(number, number_t)
TYPE(number_struct, number_t___struct) TYPE(table, table_t) TYPE(table_longer, table_t___longer) TYPE(callback, callback_t)
TYPE(callback_less, callback_t___less) TYPE(callback_other, callback_t___other) TYPE(with_forward, struct with_forward)
TYPE(self, struct self) TYPE(self_more, struct self___more) TYPE(self_size, struct self___size) TYPE(flavoured, struct flavoured)
TYPE(both, struct both) TYPE(agreed, struct agreed) TYPE(differing, struct differing) TYPE(twice, enum twice) TYPE(arrays, struct arrays)
TYPE(bits, struct bits) TYPE(kinds, struct kinds) TYPE(volatile, struct volatile_things)
VALUE(small, enum big, SMALL) VALUE(huge, enum big, HUGE) VALUE(top, enum big, TOP) VALUE(absent, enum big, ABSENT)
VALUE(low, enum negative, LOW) VALUE(high, enum negative, HIGH) VALUE(none, enum negative, NONE)
VALUE(first, enum values, FIRST) VALUE(second, enum values, SECOND___mine) VALUE(third, enum values, THIRD) VALUE(fourth, enum values, FOURTH)
VALUE(not_there, enum empty_twin, NOT_THERE) VALUE(gone_value, enum gone_enum, GONE) VALUE(twice_value, enum twice, TWICE)
