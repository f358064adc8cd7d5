# Varnish 6 or 7 in front of Tessera: caches the public pictures, passes everything else.
#
#   readers ──► Varnish :80 ──► the load balancer or a node :8080
#                  ▲
#                  └── PURGE /media/… from the nodes, when a post was edited or deleted
#
# 1. Let `origin` point to the load balancer (or to a node, where there is only one).
# 2. Let `purgers` hold the addresses of all nodes: nobody else may purge.
# 3. In the nodes' configuration, `http.public_url` is the address of this cache as readers see it, so that pictures'
#    addresses lead here, `cdn.purge_url` lists every Varnish, with commas between them, as nodes reach it, and
#    `http.trust_forwarded = true` makes rate limits count readers instead of this cache.
# 4. varnishd -a :80 -f /etc/varnish/varnish.vcl -s malloc,4G
#
# A picture's address holds random bits and its bytes never change, so anybody who knows the address may have it, and
# a purge is only needed when it is deleted. Its life here is short all the same: past it Varnish asks the origin
# whether the picture is still there (a 304 without bytes), which bounds what a purge can miss, namely an answer that
# was on its way from the origin while the picture was deleted.

vcl 4.1;

backend origin {
    .host = "127.0.0.1";
    .port = "8080";
    .connect_timeout = 2s;
    .first_byte_timeout = 30s;
    .between_bytes_timeout = 30s;
}

acl purgers {
    "127.0.0.1";
    "::1";
}

sub vcl_recv {
    if (req.method == "PURGE") {
        if (client.ip !~ purgers) {
            return (synth(405, "Not allowed"));
        }
        return (purge);
    }
    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
    # Only the one spelling of an address that purges know: the origin understands others (capitals, leading zeros),
    # and a copy under one of those would outlive its picture.
    set req.http.X-Path = regsub(req.url, "\?.*$", "");
    if (req.http.X-Path !~ "^/media/[1-9][0-9]{0,18}/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/[a-z]+(_[1-9][0-9]{0,4})?\.[a-z0-9]+$") {
        unset req.http.X-Path;
        return (pass);
    }
    set req.url = req.http.X-Path;
    unset req.http.X-Path;
    # The same for everybody.
    unset req.http.Cookie;
    unset req.http.Authorization;
    return (hash);
}

# Whatever host it was asked of: a purge knows the path only.
sub vcl_hash {
    hash_data(req.url);
    return (lookup);
}

sub vcl_backend_response {
    if (bereq.uncacheable) {
        return (deliver);
    }
    if (beresp.status == 200) {
        unset beresp.http.Set-Cookie;
        set beresp.ttl = 10m;
        set beresp.grace = 10s;
        # Kept for asking whether it is still the same.
        set beresp.keep = 1d;
    } elsif (beresp.status == 404) {
        # Spares the origin when many ask for a picture that is gone.
        set beresp.ttl = 5s;
        set beresp.grace = 0s;
        set beresp.keep = 0s;
    } else {
        # Errors are nobody's picture.
        set beresp.ttl = 0s;
        set beresp.uncacheable = true;
    }
    return (deliver);
}
