"""Who may listen and be reached: this machine only, unless there are certificates or the word insecure."""

from __future__ import annotations

from pathlib import Path

import pytest
from chip_toys import drawing, toy_tasks

from litho.chip.chip_security import (
    Certificates,
    address_to_reach,
    dashboard_to_show,
    is_loopback,
    protocol_to_listen,
)

pytest.importorskip("distributed")

from litho.chip.dask_cluster import dask_cluster


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.7", False),
        ("localhost.example.org", False),
        ("example.org", False),
        ("", False),
        ("::ffff:10.0.0.7", False),
    ],
)
def test_loopback_is_this_machine_only(host: str, alone: bool) -> None:
    assert is_loopback(host) == alone


def test_other_interfaces_need_certificates_or_the_word_insecure(certificates: Certificates) -> None:
    assert protocol_to_listen("127.0.0.1", None) == "tcp://"
    assert protocol_to_listen("127.0.0.1", certificates) == "tls://"
    assert protocol_to_listen("10.0.0.7", certificates) == "tls://"
    assert protocol_to_listen("10.0.0.7", None, insecure=True) == "tcp://"
    for host in ("0.0.0.0", "10.0.0.7", "node1", "::", ""):
        with pytest.raises(ValueError, match=r"`host` must be 127\.0\.0\.1 without certificates"):
            protocol_to_listen(host, None)
        with pytest.raises(ValueError, match=r"`host` must be 127\.0\.0\.1 without certificates"):
            dask_cluster(workers=1, host=host)


def test_addresses_of_schedulers_go_with_certificates(certificates: Certificates) -> None:
    assert address_to_reach("127.0.0.1:8786", None) == "tcp://127.0.0.1:8786"
    assert address_to_reach("tcp://[::1]:8786", None) == "tcp://[::1]:8786"
    assert address_to_reach("node1:8786", certificates) == "tls://node1:8786"
    assert address_to_reach("tls://10.0.0.7:8786", certificates) == "tls://10.0.0.7:8786"
    assert address_to_reach("tcp://10.0.0.7:8786", None, insecure=True) == "tcp://10.0.0.7:8786"
    for address in ("tcp://10.0.0.7:8786", "10.0.0.7:8786", "node1:8786"):
        with pytest.raises(ValueError, match=r"`scheduler` must be on 127\.0\.0\.1 without certificates"):
            dask_cluster(address)
    with pytest.raises(ValueError, match="`scheduler` must be tcp:// without certificates"):
        dask_cluster("tls://10.0.0.7:8786", insecure=True)
    with pytest.raises(ValueError, match="`scheduler` must be tls:// where certificates are given"):
        dask_cluster("tcp://127.0.0.1:8786", certificates=certificates)
    for address in (
        "",
        "node1",
        "node1:x",
        "node1:0",
        "node1:70000",
        "ftp://node1:21",
        "tcp://:8786",
        "a b:1",
        "::1:9",
    ):
        with pytest.raises(ValueError, match="`scheduler` must be like tls://"):
            address_to_reach(address, None, insecure=True)


def test_dashboards_are_for_this_machine_unless_told_otherwise(certificates: Certificates) -> None:
    assert dashboard_to_show("127.0.0.1:0") == "127.0.0.1:0"
    assert dashboard_to_show("0.0.0.0:8787", insecure=True) == "0.0.0.0:8787"
    with pytest.raises(ValueError, match=r"`dashboard` must be on 127\.0\.0\.1, as its pages are open to everyone"):
        dask_cluster(workers=1, host="10.0.0.7", certificates=certificates, dashboard="0.0.0.0:8787")
    for address in ("", ":8787", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:99999"):
        with pytest.raises(ValueError, match=r"`dashboard` must be like 127\.0\.0\.1:8787"):
            dashboard_to_show(address)


def test_wrong_certificate_files_are_refused_in_one_sentence(
    certificates: Certificates, foreign: Certificates, tmp_path: Path
) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    ca, cert, key = certificates.authority, certificates.certificate, certificates.key
    wrongs = [
        ((tmp_path / "none.pem", cert, key), "`authority` must be a PEM file, but there is no"),
        ((tmp_path / "text.pem", cert, key), "`authority` must be a certificate in a PEM file"),
        ((ca, tmp_path / "text.pem", key), "`certificate` and `key` must be PEM files that belong together"),
        ((ca, cert, foreign.key), "`certificate` and `key` must be PEM files that belong together"),
        ((ca, cert, cert), "`certificate` and `key` must be PEM files that belong together"),
    ]
    for files, sentence in wrongs:
        with pytest.raises(ValueError, match=sentence) as told:
            Certificates(*files)
        assert "\n" not in str(told.value)


def test_a_cluster_with_certificates_encrypts(certificates: Certificates, tmp_path: Path) -> None:
    with dask_cluster(workers=1, certificates=certificates) as executor:
        assert executor.address.startswith("tls://127.0.0.1:")
        assert all(name.startswith("tls://127.0.0.1:") for name in executor._client.nthreads())
        outcomes = list(executor.run(drawing(tmp_path / "tiles", tmp_path / "log"), toy_tasks(3, 0)))
    assert [outcome.error for outcome in outcomes] == [None] * 3
