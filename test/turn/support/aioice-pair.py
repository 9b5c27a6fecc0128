"""Two aioice agents that may use relays only: aioice-pair.py HOST PORT udp|tcp USERNAME PASSWORD"""

import asyncio
import sys

import aioice


async def main(host, port, transport, username, password):
    def agent(controlling):
        return aioice.Connection(
            ice_controlling=controlling,
            turn_server=(host, int(port)),
            turn_username=username,
            turn_password=password,
            turn_transport=transport,
            transport_policy=aioice.TransportPolicy.RELAY,
        )

    one, other = agent(True), agent(False)
    await asyncio.gather(one.gather_candidates(), other.gather_candidates())
    for here, there in ((one, other), (other, one)):
        for candidate in there.local_candidates:
            await here.add_remote_candidate(candidate)
        await here.add_remote_candidate(None)
        here.remote_username = there.local_username
        here.remote_password = there.local_password
    await asyncio.gather(one.connect(), other.connect())
    for number in range(20):
        text = b"message %d" % number
        await one.send(text)
        assert await other.recv() == text
        await other.send(text)
        assert await one.recv() == text
    kinds = {candidate.type for agent in (one, other) for candidate in agent.local_candidates}
    print("delivered", sorted(kinds))
    await asyncio.gather(one.close(), other.close())


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 20))
