"""One aioice agent: aioice-agent.py caller|callee stun|turn HOST PORT USERNAME PASSWORD

Writes what the other end needs as one line of JSON, reads the same of the other end, and writes what came of it.
"""

import asyncio
import json
import sys

import aioice
import aioice.stun

aioice.stun.RETRY_MAX = 3


async def main(role, mode, host, port, username, password):
    server = {"stun_server": (host, int(port))}
    if mode == "turn":
        server["turn_server"] = (host, int(port))
        server["turn_username"] = username
        server["turn_password"] = password
    agent = aioice.Connection(ice_controlling=role == "caller", **server)
    await agent.gather_candidates()
    mine = {
        "candidates": [candidate.to_sdp() for candidate in agent.local_candidates],
        "username": agent.local_username,
        "password": agent.local_password,
    }
    print(json.dumps(mine), flush=True)
    loop = asyncio.get_running_loop()
    other = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    for candidate in other["candidates"]:
        await agent.add_remote_candidate(aioice.Candidate.from_sdp(candidate))
    await agent.add_remote_candidate(None)
    agent.remote_username = other["username"]
    agent.remote_password = other["password"]
    try:
        await asyncio.wait_for(agent.connect(), 20)
        for number in range(10):
            await agent.send(b"%d" % number)
            assert await asyncio.wait_for(agent.recv(), 5) == b"%d" % number
    except (ConnectionError, asyncio.TimeoutError) as error:
        print(json.dumps({"result": "failed", "error": repr(error)}), flush=True)
        return
    print(json.dumps({"result": "connected"}), flush=True)
    # The other end may still wait for the last message.
    await asyncio.sleep(0.5)
    await agent.close()


asyncio.run(main(*sys.argv[1:]))
