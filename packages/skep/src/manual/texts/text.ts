/** What a row of a table of texts says; what is not said here stands in the tables of facts. */
export interface Text {
	/** What it is: one to three sentences. */
	readonly text: string;
	/** C, unless a word of the language stands for it. */
	readonly example?: string;
	/** A word of the language that means it: its example is shown. */
	readonly word?: string;
	/** Names of other subjects. */
	readonly see?: readonly string[];
}
