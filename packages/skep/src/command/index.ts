/**
 * The commands of `skep`: one table, one file a command. A command takes a parsed command line and gives an exit status;
 * refusals are thrown and rendered by `#cli` in one place.
 */
export { COMMANDS } from "./table.ts";
export { VERSION } from "./version.ts";
