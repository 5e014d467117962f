/** `skep/kernel` is types only; the module is there so that an import of it for types' sake resolves. */
export {};
