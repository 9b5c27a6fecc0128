/** The one candidate that both servers relay, about 200 bytes as JSON. */
export const candidate = {
  candidate:
    "candidate:842163049 1 udp 1677729535 203.0.113.77 49203 typ srflx raddr 192.168.1.23 rport 49203 generation 0 ufrag EsAw network-cost 999",
  sdpMid: "0",
  sdpMLineIndex: 0,
  usernameFragment: "EsAw",
};
