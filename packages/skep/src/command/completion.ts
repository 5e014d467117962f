import { type Command, type Invocation, nearest, STATUS, UsageError } from "#cli";
import { candidates } from "./completion-words.ts";
import { openDesk } from "./desk.ts";

/**
 * What each shell is told: to ask skep itself, `completion words WORD …`, the last of which is the one that is being typed. The
 * answer is a line a candidate, `word TAB what it is`; a line `:files` says that files are welcome too.
 */
const SCRIPTS = {
	bash: `# skep in bash: source it, or keep it in /etc/bash_completion.d/
_skep() {
	local line word IFS=$'\\n' current=\${COMP_WORDS[COMP_CWORD]}
	COMPREPLY=()
	for line in $(skep completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
		if [ "$line" = ":files" ]; then
			compopt -o filenames 2>/dev/null
			COMPREPLY+=($(compgen -f -- "$current"))
		else
			word=\${line%%$'\\t'*}
			COMPREPLY+=("$word")
		fi
	done
}
complete -F _skep skep
`,
	zsh: `#compdef skep
# skep in zsh: source it after compinit, or keep it as _skep in a folder of $fpath
_skep() {
	local line
	local -a found
	for line in "\${(@f)$(skep completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
		case $line in
		'') ;;
		:files) _files ;;
		*) found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
		esac
	done
	(( \${#found} )) && _describe -V skep found
	return 0
}
if [ "$funcstack[1]" = "_skep" ]; then _skep "$@"; else compdef _skep skep; fi
`,
	fish: `# skep in fish: keep it as ~/.config/fish/completions/skep.fish
function __skep_words
	set -l words (commandline -opc) (commandline -ct)
	for line in (skep completion words -- $words[2..-1] 2>/dev/null)
		if test "$line" = ":files"
			__fish_complete_path (commandline -ct)
		else
			echo $line
		end
	end
end
complete -c skep -f -k -a '(__skep_words)'
`,
} as const;

/** `skep completion bash|zsh|fish`, and `words WORD …`, which the scripts call. */
export async function run(call: Invocation, commands: readonly Command[]): Promise<number> {
	const [shell, ...words] = call.rest;
	if (shell === "words") {
		// The manual is large: only who asks for help waits for it.
		const manual = words.includes("help") ? (await import("#manual")).beginnings : undefined;
		const { choices, files } = candidates(words, commands, () => openDesk(call), manual);
		const lines = choices.map(({ word, text }) => `${word}\t${text}`);
		process.stdout.write([...lines, ...(files ? [":files"] : [])].map((line) => `${line}\n`).join(""));
		return STATUS.ok;
	}
	const names = Object.keys(SCRIPTS);
	if (shell === undefined || !(shell in SCRIPTS) || words.length > 0) {
		const near = shell === undefined ? undefined : nearest(shell, names);
		const hint = near === undefined ? "" : `, did you mean ${near}?`;
		throw new UsageError(
			`completion wants a shell, ${names.join(", ")}${shell === undefined ? "" : `, not "${shell}"${hint}`}`,
			"completion",
		);
	}
	process.stdout.write(SCRIPTS[shell as keyof typeof SCRIPTS]);
	return STATUS.ok;
}
