/**
 * The manual: what people look up about eBPF, offline. Subjects are the kernel's (commands of bpf(2), program, map, attach
 * and link types, helpers, kfuncs, kinds of BTF, instructions), the loader's (section names) and ours (words and members of the
 * language, diagnostics). Facts come from the tables of their rooms, sentences from `texts/`, one row a subject: a new row there without
 * one here does not compile, or fails a test.
 *
 * `find` goes by name, `search` by what is said; `renderSubject` makes a page, `manPages` all of them as man pages; `ask` puts a
 * subject's question to a kernel. Everything is made when first asked for: no other command loads this.
 */
export { type Answer, ask } from "./ask.ts";
export { beginnings, type Found, find, nearNames, seen, split } from "./find.ts";
export { unknownKfunc } from "./kernel-subjects.ts";
export { type ManPage, manPages } from "./man.ts";
export { prototypeOf } from "./prototype.ts";
export { mentions, search } from "./search.ts";
export { type Example, KINDS, type Kind, type Question, type Subject } from "./subject.ts";
export { subjects } from "./subjects.ts";
export { renderList, renderSubject, title } from "./text.ts";
