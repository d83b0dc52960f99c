# TLS in front of the bot: certificates are fetched and renewed by themselves.
FROM caddy:2.10.0-alpine
COPY deploy/Caddyfile /etc/caddy/Caddyfile
RUN chown -R 10001:10001 /data /config
USER 10001:10001
EXPOSE 80 443
