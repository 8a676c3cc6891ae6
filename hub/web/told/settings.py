"""What the form of a source says of its settings, and why it was refused."""

from typing import Final

from django.utils.translation import gettext_noop

# What kinds of sources call themselves.
TITLES: Final = (
    gettext_noop("CKAN"),
    gettext_noop("Files (CSV, XLSX, JSON, Parquet)"),
    gettext_noop("MySQL or MariaDB"),
    gettext_noop("PostgreSQL"),
    gettext_noop("REST API (JSON)"),
    gettext_noop("Singer tap"),
    gettext_noop("Another SQL database"),
)
SENTENCES: Final = (
    gettext_noop("The site's address, as http(s)://host/path/, below which api/3/action lies."),
    gettext_noop("The name of the organization whose datasets are discovered; by default all."),
    gettext_noop("Names, addresses and networks this source may reach beyond its own host."),
    gettext_noop("Whether the source may be on the hub's own machine."),
    gettext_noop("The most rows that a run takes per second, to spare the source; 0 for no limit."),
    gettext_noop("How many runs may read the source at once; while it fails, one."),
    gettext_noop("How long a run may take before it is ended; nothing is changed then."),
    gettext_noop("The hours in which the source is read, such as 22:00-06:00 Asia/Shanghai; UTC without a zone."),
    gettext_noop("An API token, where resources are private."),
    gettext_noop(
        "A folder (ending in /) or a file, as http(s)://host/path/, sftp://user@host:port/path/, "
        "s3://bucket/prefix/ or file:///path/."
    ),
    gettext_noop("Headers to send to this web server, such as a key it asks for."),
    gettext_noop("For SFTP, the server's public key: a line as OpenSSH writes it, or its SHA256 fingerprint."),
    gettext_noop("For SFTP, how the server writes the names of files."),
    gettext_noop("For S3, the store's address without the bucket, such as https://s3.eu-west-1.amazonaws.com."),
    gettext_noop("For S3, the region that requests are signed for."),
    gettext_noop("For S3, whether the bucket is named in the path or, virtual, in the host's name."),
    gettext_noop("A token to send as Authorization: Bearer."),
    gettext_noop("The user name for HTTP Basic; for SFTP it is in the url."),
    gettext_noop("The password for HTTP Basic or SFTP."),
    gettext_noop("The private key for SFTP, in the OpenSSH or PEM form."),
    gettext_noop("The passphrase of the private key."),
    gettext_noop("The id of the access key for S3."),
    gettext_noop("The secret of the access key for S3."),
    gettext_noop("The server's name or address."),
    gettext_noop("The server's port."),
    gettext_noop("The database's name."),
    gettext_noop("Whom to sign in as; it needs SELECT only."),
    gettext_noop(
        "Whether the connection is encrypted, and the server's certificate verified: only verify-full keeps the "
        "password from whoever answers in the server's place."
    ),
    gettext_noop("The user's password."),
    gettext_noop("The server's name or address, or the folder of its Unix socket."),
    gettext_noop("The role to sign in as; it needs SELECT only."),
    gettext_noop("Whether the connection is encrypted, and the server's certificate verified."),
    gettext_noop("The role's password."),
    gettext_noop("The address all paths start from, as http(s)://host/path/."),
    gettext_noop(
        "How to sign in: bearer (secret token), header (secret token under the header name), basic (secrets user "
        "and password) or none."
    ),
    gettext_noop("The way to sign in."),
    gettext_noop("The header's name, for kind header."),
    gettext_noop(
        "How the API hands out long lists: by page number, by offset, by the Link header's rel=next, by a field "
        "with the next address (next), or by a field with a cursor to send back (cursor). Without it, one "
        "request."
    ),
    gettext_noop("The way of paging."),
    gettext_noop("The query parameter that takes the page's number, for kind page."),
    gettext_noop("The number of the first page."),
    gettext_noop("The query parameter that takes how many records to skip, for kind offset."),
    gettext_noop("The query parameter that takes the cursor, for kind cursor."),
    gettext_noop("The dotted path of the field with the next address (default next) or cursor (default cursor)."),
    gettext_noop("The query parameter that takes how many records to give at most."),
    gettext_noop("How many records to ask for at a time."),
    gettext_noop("The token, for auth bearer and header."),
    gettext_noop("The user name, for auth basic."),
    gettext_noop("The password, for auth basic."),
    gettext_noop("The tap's name, one of those that HUB_SINGER_TAPS lists."),
    gettext_noop("The tap's own settings, as its documentation says; what signs in goes into secrets."),
    gettext_noop("Further settings of the tap, by their names, that are kept sealed."),
    gettext_noop(
        "SQLAlchemy's name of dialect and driver, such as mssql+pymssql or oracle+oracledb; the driver must be "
        "installed beside the hub. sqlite reads a file."
    ),
    gettext_noop("The database's name; for sqlite the file, below one of HUB_FILE_ROOTS."),
    gettext_noop("Needed: %(names)s."),
    gettext_noop("One of: %(names)s."),
    gettext_noop("This must be of type %(type)s."),
    gettext_noop("There is no setting %(names)s."),
    gettext_noop("Known: %(names)s."),
    gettext_noop("Write a name and a value on each line, with a colon between them."),
    gettext_noop("There is already a source %(key)s."),
    gettext_noop("There is already a stream %(key)s."),
    gettext_noop("There is already a dataset %(key)s."),
    gettext_noop("%(text)s is no key of a dataset: %(rule)s."),
    gettext_noop("%(text)s is no schedule: five fields as in cron, such as */15 * * * *, in UTC."),
    gettext_noop("To merge, or to go on from a cursor, %(dataset)s needs a primary key."),
    gettext_noop("A stream that replaces everything has no cursor; merge or append goes on from one."),
    gettext_noop("%(dataset)s has another stream; one that replaces everything has to be the only one."),
    gettext_noop("This is nothing that the source offers."),
    gettext_noop("Discover it again, and choose there."),
    gettext_noop("Registering sources"),
    gettext_noop("Registering datasets"),
    gettext_noop("Changing sources and streams"),
    gettext_noop("Reaching for a source"),
    gettext_noop("Its name holds %(text)s."),
    gettext_noop("%(some)s of %(count)s sample values are written like one."),
)
