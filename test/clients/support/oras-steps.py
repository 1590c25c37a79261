"""Runs one step with PyPI's oras; prints its result as JSON.

python oras-steps.py HOST USERNAME STEP ARGUMENT...   (the password comes on standard input)
"""

import hashlib
import json
import sys

import oras.client
import oras.oci

host, username, step, *arguments = sys.argv[1:]
client = oras.client.OrasClient(hostname=host, insecure=True)
client.auth.set_basic_auth(username, sys.stdin.read())


def push(target, path, chunk_size="0"):
    chunks = {"do_chunked": True, "chunk_size": int(chunk_size)} if chunk_size != "0" else {}
    reply = client.push(target=target, files=[path], disable_path_validation=True, quiet=True, **chunks)
    return reply.status_code


def attach(target, path, subject):
    # The subject is described by the bytes the registry serves.
    container = client.get_container(subject)
    url = f"http://{container.manifest_url()}"
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    content = client.do_request(url, "GET", headers=accept).content
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    described = oras.oci.Subject(accept["Accept"], digest, len(content))
    client.push(
        target=target, files=[path], disable_path_validation=True, subject=described, quiet=True
    )
    return digest


steps = {
    "push": push,
    "attach": attach,
    "pull": lambda target, folder: client.pull(target=target, outdir=folder),
    "tags": lambda name: client.get_tags(name),
    "delete": lambda name, tag: client.delete_tags(name, [tag]),
}
print(json.dumps(steps[step](*arguments)))
