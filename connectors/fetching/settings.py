"""What the places where files lie are told: their part of a source's configuration and secrets, as JSON Schema."""

from typing import Final

from connectors.base import JsonSchema

CONFIG: Final[JsonSchema] = {
    "url": {
        "description": "A folder (ending in /) or a file, as http(s)://host/path/, sftp://user@host:port/path/, "
        "s3://bucket/prefix/ or file:///path/.",
        "type": "string",
        "pattern": r"^(https?://[^/@?#]+(/|$)|file:///|sftp://[^/@?#:]+@[^/@?#]+/|s3://[^/@?#:]+(/|$))",
    },
    "headers": {
        "description": "Headers to send to this web server, such as a key it asks for.",
        "type": "object",
        "additionalProperties": {"type": "string"},
    },
    "host_key": {
        "description": "For SFTP, the server's public key: a line as OpenSSH writes it, or its SHA256 fingerprint.",
        "type": "string",
        "pattern": "(^|[ ])(SHA256:[A-Za-z0-9+/]{43}=?$|AAAA[A-Za-z0-9+/]+=*)",
    },
    "filename_encoding": {
        "description": "For SFTP, how the server writes the names of files.",
        "enum": ["utf-8", "gb18030", "big5", "windows-1252"],
        "default": "utf-8",
    },
    "endpoint": {
        "description": "For S3, the store's address without the bucket, such as https://s3.eu-west-1.amazonaws.com.",
        "type": "string",
        "pattern": "^https?://[^/@?#]+/?$",
    },
    "region": {
        "description": "For S3, the region that requests are signed for.",
        "type": "string",
        "default": "us-east-1",
    },
    "addressing_style": {
        "description": "For S3, whether the bucket is named in the path or, virtual, in the host's name.",
        "enum": ["path", "virtual"],
        "default": "path",
    },
}
NEEDS_ENDPOINT: Final[JsonSchema] = {
    "if": {"properties": {"url": {"pattern": "^s3:"}}, "required": ["url"]},
    "then": {"required": ["endpoint"]},
}
SECRETS: Final[JsonSchema] = {
    "token": {"description": "A token to send as Authorization: Bearer.", "type": "string"},
    "user": {"description": "The user name for HTTP Basic; for SFTP it is in the url.", "type": "string"},
    "password": {"description": "The password for HTTP Basic or SFTP.", "type": "string"},
    "private_key": {
        "description": "The private key for SFTP, in the OpenSSH or PEM form.",
        "type": "string",
        "contentMediaType": "application/x-pem-file",
    },
    "passphrase": {"description": "The passphrase of the private key.", "type": "string"},
    "access_key": {"description": "The id of the access key for S3.", "type": "string"},
    "secret_key": {"description": "The secret of the access key for S3.", "type": "string"},
}
NEEDED_TOGETHER: Final = {
    "user": ["password"],
    "passphrase": ["private_key"],
    "access_key": ["secret_key"],
    "secret_key": ["access_key"],
}
