/**
 * Lowering: what the functions of programs mean, as IR. One walk types an expression and builds its instructions; a
 * value knows its type, where it stands and what is known about it (`value`), a flow of facts knows which references
 * were checked and which indexes are bounded (`lowering`). Start at `forms`: it names for each construct of the source
 * the function, in the file of that form, that lowers it; inner constructs are reached through `Lowering`, so a form
 * never imports another one above it. Below the forms: `integer`, `operand`, `relation`, `truth`, `text`, `template` for
 * values; `place`, `store`, `bounds`, `lookup` for memory; `merge`, `optional`, `local`, `pattern` for names and ways.
 * Vocabulary, reached from `call` and `member`: `map`, `ringbuf`, `histogram`, `packet`, `kernel`, `pointer`, `current`,
 * `context`, `option`, `global`, `exists`, `enumerator`, `core`, `try-read`, `predicate`, `list`, `word`. Everything wrong is reported in one run; a word that is not compiled
 * yet is SK1010.
 */
export { lower } from "./lower.ts";
export type { Target } from "./lowering.ts";
