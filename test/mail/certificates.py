"""A certification authority of our own, made by openssl, and certificates of mail servers."""

import subprocess
from pathlib import Path


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


class Authority:
    """Its certificate is `certificate`; issue() makes those of servers."""

    def __init__(self, folder, name):
        self.folder, self.name = Path(folder), name
        self.key, self.certificate = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    def issue(self, name, host="localhost", days=2):
        """Key and certificate of a server, in one file. With days < 0 it has ended by now."""
        path, request, extensions = (self.folder / f"{name}.{end}" for end in ("pem", "csr", "ext"))
        extensions.write_text(f"subjectAltName=DNS:{host}\n", encoding="ascii")
        key = self.folder / f"{name}.key"
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}",
                "-keyout", key, "-out", request)
        certificate = self.folder / f"{name}.crt"
        if days > 0:
            openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days",
                    days, "-extfile", extensions, "-out", certificate)
        else:
            self._issue_expired(request, extensions, certificate)
        path.write_bytes(key.read_bytes() + certificate.read_bytes())
        path.chmod(0o600)
        return path

    def _issue_expired(self, request, extensions, certificate):
        (self.folder / "index.txt").write_text("", encoding="ascii")
        config = self.folder / "ca.cnf"
        config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.folder}/index.txt\nnew_certs_dir={self.folder}\n"
                          f"rand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n", encoding="utf-8")
        openssl("ca", "-batch", "-config", config, "-cert", self.certificate, "-keyfile", self.key, "-in", request, "-out",
                certificate, "-notext", "-extfile", extensions, "-startdate", "20200101000000Z", "-enddate",
                "20200201000000Z")


class Certificates:
    """All that the suite needs."""

    def __init__(self, folder):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
        self.ca, self.other_ca = ours.certificate, theirs.certificate
        self.good = ours.issue("good")
        self.expired = ours.issue("expired", days=-1)
        self.other_host = ours.issue("other_host", host="mail.example.net")
        self.other_issuer = theirs.issue("other_issuer")
