/**
 * `import … from "skep"`: the vocabulary, and behind its `load` the compiler and the loader, which are not read before
 * somebody calls it.
 */
import { provideLoader } from "#program";

provideLoader(async () => (await import("#run/explicit")).answerLoad());

export * from "#vocabulary";
