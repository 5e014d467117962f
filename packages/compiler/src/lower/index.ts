/**
 * Lowering: what the functions of programs mean, as IR. One walk types an expression and builds its instructions; a
 * value knows its type, where it stands and what is known about it (`value`), a flow of facts knows which references
 * were checked and which indexes are bounded (`lowering`). One file a form: `expression`, `condition`, `assignment`,
 * `statement`, `loop`, `function` for the syntax; `integer`, `text`, `literal`, `place` for values and memory; `map`,
 * `ringbuf`, `histogram`, `packet`, `kernel`, `pointer`, `current`, `context`, `option`, `global`, `word` for the
 * vocabulary. Everything wrong is reported in one run; a word that is not compiled yet is SK1010.
 */
export { lower } from "./lower.ts";
export type { Target } from "./lowering.ts";
