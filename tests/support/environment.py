"""What a function finds in its environment, where nothing needs to be reached by it."""

from typing import Final

from chalicelib.kernel.settings import Tables

ENVIRONMENT: Final = {
    "STAGE": "dev",
    **{f"{name.upper()}_TABLE": f"soulseer-dev-{name}" for name in Tables.__dataclass_fields__},
    "CLOCK_MACHINE_ARN": "arn:machine",
    "AUTH_ISSUER": "https://issuer.test/",
    "AUTH_AUDIENCE": "soulseer",
    "STRIPE_SECRET": "stripe",
    "STRIPE_CONNECT_SECRET": "stripe_connect",
    "AGORA_SECRET": "agora",
    "AGORA_REST_SECRET": "agora_rest",
    "AGORA_NOTICES_SECRET": "agora_notices",
    "APPLE_SECRET": "apple",
    "GOOGLE_SECRET": "google",
    "UNSUBSCRIBE_SECRET": "unsubscribe",
    "CHECKOUT_RETURN_URL": "https://app.test",
    "MAIL_FROM": "hello@soulseer.test",
    "UNTOLD_URL": "untold",
    "DEAD_LETTERS_URL": "dead_letters",
    "EXPORTS_BUCKET": "exports",
    "PICTURES_BUCKET": "pictures",
    "ATTACHMENTS_BUCKET": "attachments",
    "FILES_BUCKET": "files",
    "DIGESTS_BUCKET": "digests",
    "TICK_SHARDS": "16",
}
