"""Other people's servers, on loopback: SFTP by asyncssh, an object store by moto."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import asyncssh
import boto3
import httpx
from moto.server import ThreadedMotoServer

USER = "exports"
PASSWORD = "correct-horse-battery"


@dataclass
class SftpPeer:
    """A running server whose root is ``folder``; ``logins`` are the names that have tried to sign in."""

    folder: Path
    port: int = 0
    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    client_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    other_keys: list[asyncssh.SSHKey] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    @property
    def public(self) -> str:
        """The host key as an administrator pins it."""
        return self.host_key.export_public_key().decode().strip()

    def config(self, path: str = "/", **values: Any) -> dict[str, Any]:
        """A source's configuration that fits."""
        url = f"sftp://{USER}@127.0.0.1:{self.port}{path}"
        return {"url": url, "host_key": self.public, "allow_loopback": True, **values}


class _Door(asyncssh.SSHServer):
    def __init__(self, peer: SftpPeer) -> None:
        self._peer = peer

    def begin_auth(self, username: str) -> bool:
        self._peer.logins.append(username)
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key.public_data == self._peer.client_key.public_data


@contextmanager
def sftp_serving(peer: SftpPeer, files: Callable[..., asyncssh.SFTPServer] = asyncssh.SFTPServer) -> Iterator[SftpPeer]:
    """Serve until the end of the ``with``."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="sftp-peer")
    thread.start()

    async def started() -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            lambda: _Door(peer),
            "127.0.0.1",
            peer.port,
            server_host_keys=[*peer.other_keys, peer.host_key],
            sftp_factory=lambda chan: files(chan, chroot=str(peer.folder).encode()),
        )

    def run(work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, loop)
        return future.result(30)

    server = run(started())
    peer.port = server.get_port()
    try:
        yield peer
    finally:
        run(_stopped(server))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stopped(server: asyncssh.SSHAcceptor) -> None:
    server.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0.05)


@dataclass
class S3Peer:
    """A running store with one bucket; ``client`` puts into it, ``secrets`` are those of an account that may read."""

    endpoint: str
    bucket: str
    client: Any
    secrets: dict[str, str]

    def config(self, path: str = "", **values: Any) -> dict[str, Any]:
        """A source's configuration that fits."""
        url = f"s3://{self.bucket}/{path}"
        return {"url": url, "endpoint": self.endpoint, "region": REGION, "allow_loopback": True, **values}

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body)


REGION = "cn-north-1"


@contextmanager
def s3_serving(bucket: str = "exports") -> Iterator[S3Peer]:
    """Serve until the end of the ``with``, every request's signature checked."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    root = {"aws_access_key_id": "root", "aws_secret_access_key": "root", "region_name": REGION}
    iam = boto3.client("iam", endpoint_url=endpoint, **root)
    iam.create_user(UserName="hub")
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="hub", PolicyName="all", PolicyDocument=policy)
    key = iam.create_access_key(UserName="hub")["AccessKey"]
    own = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    client = boto3.client("s3", endpoint_url=endpoint, region_name=REGION, **own)
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    httpx.post(f"{endpoint}/moto-api/reset-auth", content=b"0").raise_for_status()
    secrets = {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}
    try:
        yield S3Peer(endpoint, bucket, client, secrets)
    finally:
        httpx.post(f"{endpoint}/moto-api/reset-auth", content=b"inf").raise_for_status()
        httpx.post(f"{endpoint}/moto-api/reset").raise_for_status()
        iam.close()
        client.close()
        server.stop()
