"""An S3 server on loopback that holds the files of a folder in the bucket `exports`.

Prints `port N` and lives until its stdin ends. Every range that is asked for is told before on
stdout, as `range bytes=0-9`.
"""
import os
import pathlib
import sys

os.environ.update(
    AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing", AWS_DEFAULT_REGION="us-east-1"
)

import boto3
from moto.moto_server import threaded_moto_server as moto_server

make_server = moto_server.make_server


def telling(app):
    def tell(environ, start_response):
        if "HTTP_RANGE" in environ:
            print("range", environ["HTTP_RANGE"], flush=True)
        return app(environ, start_response)

    return tell


moto_server.make_server = lambda host, port, app, *rest, **more: make_server(
    host, port, telling(app), *rest, **more
)
server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
client = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
client.create_bucket(Bucket="exports")
root = pathlib.Path(sys.argv[1])
for path in sorted(root.rglob("*")):
    if path.is_file():
        client.upload_file(str(path), "exports", str(path.relative_to(root)))
print("port", port, flush=True)
sys.stdin.read()
server.stop()
