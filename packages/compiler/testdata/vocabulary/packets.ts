import { hash, htons, ntohs, ntohl, perCpuHash, type Cursor, type be16, type be32, type u32, type u64, type u8, type u16, XDP, xdp } from "skep";
import { ETH, IPPROTO, ip4, type ethhdr, type iphdr, type ipv6hdr, type tcphdr, type udphdr } from "skep/net";
interface Opt { next: u8; len: u8 }
interface Flow { src: be32; dst: be32; sport: be16; dport: be16; proto: u8 }
const flows = hash<Flow, u64>(1024);
const stats = perCpuHash<u16, u64>(64);
function skipOptions(c: Cursor, first: u8): u8 | undefined {
  let next = first;
  for (let i = 0; i < 6; i++) {
    if (next !== 0 && next !== 43 && next !== 60) break;
    const o = c.next<Opt>();
    if (!o) return undefined;
    next = o.next;
    c.skip(o.len * 8 + 6);
  }
  return next;
}
export const p = xdp({ attach: false }, (packet) => {
  const c = packet.cursor();
  const eth = c.next<ethhdr>();
  if (!eth) return XDP.ABORTED;
  if (eth.proto === ETH.IPV6) {
    const ip = c.next<ipv6hdr>();
    if (!ip) return XDP.PASS;
    const l4 = skipOptions(c, ip.nexthdr);
    if (l4 === undefined) return XDP.DROP;
    if (l4 === IPPROTO.TCP) {
      const tcp = c.peek<tcphdr>();
      if (tcp && tcp.syn && !tcp.fin && ntohs(tcp.dport) === 80) return XDP.TX;
    }
    return XDP.PASS;
  }
  if (eth.proto !== ETH.IPV4) return XDP.PASS;
  const ip = c.next<iphdr>();
  if (!ip || ip.version !== 4 || ip.ihl < 5) return XDP.DROP;
  if (ip.daddr === ip4("10.0.0.1") || ntohl(ip.saddr) > 0xe0000000) return XDP.DROP;
  c.skip((ip.ihl - 5) * 4);
  const udp = c.next<udphdr>();
  if (!udp) return XDP.PASS;
  flows.add({ src: ip.saddr, dst: ip.daddr, sport: udp.sport, dport: udp.dport, proto: ip.proto }, 1n);
  stats.add(ntohs(udp.len), 1n);
  const b = packet.at<u8>(packet.length & 63);
  let mac = 0;
  for (const x of eth.dst) mac += x;
  switch (ntohs(udp.dport)) {
    case 53: return XDP.DROP;
    case 123:
    case 124: return mac > 100 ? XDP.TX : XDP.PASS;
  }
  ip.ttl = 64;
  eth.dst[0] = 5;
  return packet.ingress_ifindex > 1 && b !== undefined ? XDP.PASS : XDP.DROP;
});
