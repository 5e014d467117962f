/**
 * rtnetlink, as far as attaching programs needs it: XDP on a device, the qdisc clsact and its classifiers, routes through
 * programs. `encodeRequest` makes the message (pure), `talk` sends it and waits for the kernel's answer, in the network
 * namespace of the calling thread. Results below zero are -errno; nothing throws.
 */
export { ask, bringUp, makeDevice } from "./ask.ts";
export { networkPrograms } from "./list.ts";
export { encodeRequest, filterReply } from "./request.ts";
