"""The control plane under test, and those who call it."""
import asyncio
import os
import ssl
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from wire import Stub, grpc, message_class, types

TRUST_DOMAIN = "example.org"
SERVER_ID = f"spiffe://{TRUST_DOMAIN}/spire/server"


def spiffe_id(path, trust_domain=TRUST_DOMAIN):
    return types("SPIFFEID", trust_domain=trust_domain, path=path)


def selectors(*texts):
    return [types("Selector", type=text.partition(":")[0], value=text.partition(":")[2]) for text in texts]


def csr(key, *uris):
    """A certificate request with these URIs."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if uris:
        names = [x509.UniformResourceIdentifier(uri) for uri in uris]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


class Identity:
    """An X509-SVID and its key."""

    def __init__(self, key, svid):
        self.key, self.svid = key, svid
        self.chain = [x509.load_der_x509_certificate(one) for one in svid.cert_chain]

    @property
    def id(self):
        return self.svid.id

    @property
    def serial(self):
        return str(self.chain[0].serial_number)

    def pem(self):
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return key + b"".join(one.public_bytes(serialization.Encoding.PEM) for one in self.chain)


class Tunnel:
    """A Unix socket in front of the TLS port: grpcio cannot be told to expect a SPIFFE ID instead of a host name.

    The tunnel verifies the server's certificate and its SPIFFE ID, and presents the caller's certificate.
    """

    loop = asyncio.new_event_loop()

    def __init__(self, folder, port, authorities, identity):
        self.path = os.path.join(tempfile.mkdtemp(dir=folder), "t")
        self.port = port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.load_verify_locations(cadata=authorities)
        self.context.set_alpn_protocols(["h2"])
        if identity:
            file = self.path + ".pem"
            with open(file, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as output:
                output.write(identity.pem())
            self.context.load_cert_chain(file)
        asyncio.run_coroutine_threadsafe(asyncio.start_unix_server(self._serve, self.path), self.loop).result()

    async def _serve(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context)
        except OSError:
            writer.close()
            return
        names = far_writer.get_extra_info("peercert")["subjectAltName"]
        if names == (("URI", SERVER_ID),):
            await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))
        far_writer.close()
        writer.close()

    @staticmethod
    async def _copy(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()


threading.Thread(target=Tunnel.loop.run_forever, daemon=True).start()


class Deployment:
    """A running control plane: the administrator's socket and the port."""

    def __init__(self, socket, port, folder):
        self.socket, self.port, self.folder = socket, port, folder
        self.local = Stub(grpc.insecure_channel("unix:" + socket))
        self._authorities = None

    def authorities(self):
        """The X.509 authorities, read once: a control plane that restarts keeps them."""
        if not self._authorities:
            self._authorities = b"".join(one.asn1 for one in self.local.GetBundle().x509_authorities)
        return self._authorities

    def caller(self, identity=None):
        """A caller at the port, on a connection of its own; anonymous without an identity."""
        tunnel = Tunnel(self.folder, self.port, self.authorities(), identity)
        # Without this, channels to different tunnels would still share nothing; with it a new one is a new handshake.
        return Stub(grpc.insecure_channel("unix:" + tunnel.path, options=[("grpc.use_local_subchannel_pool", 1)]))

    def attest(self, token, caller=None, key=None):
        """Attests an agent with a join token and returns its identity."""
        key = key or new_key()
        result = next((caller or self.caller()).AttestAgent(iter([attestation(token, csr(key))]))).result
        return Identity(key, result.svid)

    def new_agent(self, alias=None):
        token = self.local.CreateJoinToken(ttl=600, agent_id=alias)
        return self.attest(token.value)

    def mint(self, path, ttl=0):
        key = new_key()
        request = csr(key, f"spiffe://{TRUST_DOMAIN}{path}")
        return Identity(key, self.local.MintX509SVID(csr=request, ttl=ttl).svid)

    def create(self, path, parent="/node", texts=("unix:uid:1",), **more):
        """Registers an entry and returns it."""
        fields = {"spiffe_id": spiffe_id(path), "parent_id": spiffe_id(parent), "selectors": selectors(*texts)}
        entry = types("Entry", **{**fields, **more})
        result, = self.local.BatchCreateEntry(entries=[entry]).results
        assert result.status.code == 0, result.status
        return result.entry


def attestation(token, request, kind="join_token"):
    params = message_class("spire.api.server.agent.v1.AttestAgentRequest.Params")(
        data=types("AttestationData", type=kind, payload=token.encode()), params={"csr": request})
    return message_class("spire.api.server.agent.v1.AttestAgentRequest")(params=params)
