// Macros of the kernel's headers that are in no BTF.

declare module "skep/uapi" {
	export const AF_INET: 2;
	export const AF_INET6: 10;
	export const EPERM: 1;
	export const ENOENT: 2;
	export const EACCES: 13;
	export const EEXIST: 17;
	export const O_WRONLY: 1;
	export const O_RDWR: 2;
	export const O_CREAT: 64;
	export const S_IFMT: 61440;
	export const S_IFSOCK: 49152;
	export const S_IFLNK: 40960;
	export const S_IFREG: 32768;
	export const S_IFBLK: 24576;
	export const S_IFDIR: 16384;
	export const S_IFCHR: 8192;
	export const S_IFIFO: 4096;
}
