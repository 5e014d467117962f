/** Link types of captures by number, as the registry of tcpdump.org names them (LINKTYPE_…, without the prefix). */
// biome-ignore format: table
export const LINK_TYPES: ReadonlyMap<number, string> = new Map([
	[0, "NULL"], [1, "ETHERNET"], [3, "AX25"], [6, "IEEE802_5"], [7, "ARCNET_BSD"], [8, "SLIP"], [9, "PPP"], [10, "FDDI"],
	[50, "PPP_HDLC"], [51, "PPP_ETHER"], [100, "ATM_RFC1483"], [101, "RAW"], [104, "C_HDLC"], [105, "IEEE802_11"],
	[107, "FRELAY"], [108, "LOOP"], [113, "LINUX_SLL"], [117, "PFLOG"], [119, "IEEE802_11_PRISM"], [122, "IP_OVER_FC"],
	[127, "IEEE802_11_RADIOTAP"], [143, "DOCSIS"], [144, "LINUX_IRDA"], [147, "USER0"], [163, "IEEE802_11_AVS"],
	[187, "BLUETOOTH_HCI_H4"], [189, "USB_LINUX"], [192, "PPI"], [195, "IEEE802_15_4_WITHFCS"], [197, "ERF"],
	[201, "BLUETOOTH_HCI_H4_WITH_PHDR"], [220, "USB_LINUX_MMAPPED"], [227, "CAN_SOCKETCAN"], [228, "IPV4"], [229, "IPV6"],
	[230, "IEEE802_15_4_NOFCS"], [231, "DBUS"], [239, "NFLOG"], [240, "NETANALYZER"], [242, "IPOIB"], [243, "MPEG_2_TS"],
	[247, "INFINIBAND"], [248, "SCTP"], [249, "USBPCAP"], [252, "WIRESHARK_UPPER_PDU"], [253, "NETLINK"],
	[254, "BLUETOOTH_LINUX_MONITOR"], [271, "VSOCK"], [272, "NORDIC_BLE"], [274, "ETHERNET_MPACKET"], [276, "LINUX_SLL2"],
]);

/** Packets begin with an Ethernet header. */
export const ETHERNET = 1;

/** `LINUX_SLL (113)`; a number that the table lacks stands alone. */
export function linkTypeName(linkType: number): string {
	const name = LINK_TYPES.get(linkType);
	return name === undefined ? String(linkType) : `${name} (${linkType})`;
}
