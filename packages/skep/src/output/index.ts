/**
 * Values to text: JSON with exact integers, tables, histograms as bars, the summary. Pure: what comes in is plain values
 * and their shapes, what comes out is text; nothing here reads a map or writes to a stream.
 *
 * Text from the kernel is data of strangers: control characters are spelled out before a terminal sees them.
 */
export { formatIp4, formatIp6 } from "./address.ts";
export { type Bucket, bucketCount, bucketRange, renderBars, type Scale, trimBuckets } from "./bars.ts";
export { formatCell, printable } from "./cell.ts";
export { columnsOf, cutTo } from "./columns.ts";
export { parseJson, toJson, toPrettyJson } from "./json.ts";
export { compareValues, present, type Shape } from "./shape.ts";
export { renderSummary, type Summary } from "./summary.ts";
export { LiveTable, renderTable, type Screen, screenOf } from "./table.ts";
