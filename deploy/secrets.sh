#!/bin/sh
# Makes the files of secrets/ that are missing: random passwords for the database and Redis, the others empty.
# The folder is for its owner alone; the files can be read by the containers' users, who see nothing else of it.
set -eu
umask 022
mkdir -p secrets
chmod 700 secrets
for name in telegram_bot_token telegram_webhook_secret \
            messenger_page_token messenger_app_secret messenger_verify_token; do
    [ -e "secrets/$name" ] || : > "secrets/$name"
done
for name in database_password redis_password; do
    [ -s "secrets/$name" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "secrets/$name"
done
