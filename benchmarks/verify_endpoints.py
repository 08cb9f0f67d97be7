"""What `verify` of many endpoints costs, beside a bare loop of asyncio and ssl.

Run: python benchmarks/verify_endpoints.py.

The endpoints are names on one listener of this machine, in a process of its own, with a certificate that a root and an
intermediate vouch for. Every measurement is a process of its own too, by turns:

bare     asyncio.open_connection with as many at the same time, and nothing done with what is served
verify   the same handshakes, each certificate and its chain read and judged against an inventory

Ratios are medians over the rounds; absolute figures of a noisy machine say little.
Writes benchmarks/results/verify_endpoints.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from certify_automation.model.certificate import CertificateInventory, ManagedCertificate, Verdict
from certify_automation.model.endpoint import Target
from certify_automation.model.renewal import Served
from certify_automation.remote.endpoint import Patience, look_at_endpoints
from certify_automation.remote.trust import trusted_roots
from certify_automation.verify import judge

RESULTS = Path(__file__).parent / "results" / "verify_endpoints.json"
LIMIT = 1.3
KINDS = ("bare", "verify")
DOMAIN = "lab.example"


def serve(folder: Path) -> None:
    """A TLS server that answers under every name of the domain; says its port and goes on until it is ended."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(hold, "127.0.0.1", 0, ssl=context, backlog=4096)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(run())


def issue(folder: Path) -> None:
    """Root, intermediate and a wildcard certificate of the domain, with its key."""
    root_key, middle_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root = _certificate(("Root", root_key), ("Root", root_key), authority=True)
    middle = _certificate(("Intermediate", middle_key), ("Root", root_key), authority=True)
    leaf = _certificate((f"*.{DOMAIN}", key), ("Intermediate", middle_key), authority=False)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(leaf.public_bytes(Encoding.PEM) + middle.public_bytes(Encoding.PEM) + secret)
    (folder / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (folder / "thumbprint").write_text(leaf.fingerprint(hashes.SHA1()).hex().upper())  # noqa: S303 - Windows' thumbprint


def _certificate(
    subject: tuple[str, ec.EllipticCurvePrivateKey], issuer: tuple[str, ec.EllipticCurvePrivateKey], *, authority: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(_name(subject[0])).issuer_name(_name(issuer[0]))
    builder = builder.public_key(subject[1].public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=90))
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(subject[0])]), critical=False)
    return builder.sign(issuer[1], hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def bare(port: int, count: int, concurrency: int) -> int:
    """What anybody would write; how many handshakes came about."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    waiting, done = iter(range(count)), []

    async def work() -> None:
        for number in waiting:
            _, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname=f"n{number}.{DOMAIN}"
            )
            done.append(writer.get_extra_info("peercert"))
            writer.transport.abort()

    async def run() -> None:
        await asyncio.gather(*(work() for _ in range(concurrency)))

    asyncio.run(run())
    return len(done)


def verify(folder: Path, port: int, count: int, concurrency: int) -> int:
    """What the command does; how many endpoints serve what is managed."""
    thumbprint = (folder / "thumbprint").read_text()
    roots, now = trusted_roots(folder / "root.pem"), time.time_ns() // 1_000_000
    inventory = CertificateInventory("task", certificates=(ManagedCertificate("1", "one", thumbprint=thumbprint),))
    names = [f"n{number}.{DOMAIN}" for number in range(count)]
    shown = look_at_endpoints([Target("127.0.0.1", port, name) for name in names], Patience(concurrency))
    verdicts = [
        judge(Served("127.0.0.1", port, name, "one"), one, inventory, roots, now).verdict
        for name, one in zip(names, shown, strict=True)
    ]
    return verdicts.count(Verdict.SERVED)


def measured(kind: str, folder: Path, port: int, options: argparse.Namespace) -> dict[str, float]:
    """One measurement in a process of its own: seconds by the clock and of CPU."""
    arguments = [kind, str(folder), str(port), str(options.endpoints), str(options.concurrency)]
    command = [sys.executable, __file__, "--measure", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this program
    result: dict[str, float] = json.loads(done.stdout)
    return result


def measure(kind: str, folder: str, port: str, count: str, concurrency: str) -> None:
    """Does one kind of work and prints what it took."""
    started = time.perf_counter()
    at, wanted, many = int(port), int(count), int(concurrency)
    done = bare(at, wanted, many) if kind == "bare" else verify(Path(folder), at, wanted, many)
    wall, usage = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    assert done == wanted, f"{done} of {wanted}"
    print(json.dumps({"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "rss_kib": usage.ru_maxrss}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoints", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    elif options.measure:
        measure(*options.measure)
    else:
        report(options)


def report(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        issue(folder)
        command = [sys.executable, __file__, "--serve", name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - this program
            assert server.stdout is not None
            port = int(server.stdout.readline())
            try:
                rounds = [
                    {kind: measured(kind, folder, port, options) for kind in KINDS} for _ in range(options.rounds)
                ]
            finally:
                server.terminate()
    ratios = {
        what: statistics.median(one["verify"][what] / one["bare"][what] for one in rounds) for what in ("wall", "cpu")
    }
    result = {
        "machine": platform.platform(),
        "endpoints": options.endpoints,
        "concurrency": options.concurrency,
        "rounds": rounds,
        "ratios": ratios,
        "limit": LIMIT,
    }
    options.results.parent.mkdir(exist_ok=True)
    options.results.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(
        f"verify over bare, {options.endpoints} endpoints: wall {ratios['wall']:.2f}, CPU {ratios['cpu']:.2f}"
        f" (limit {LIMIT})"
    )


if __name__ == "__main__":
    main()
