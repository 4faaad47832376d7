"""The local counterpart of the App Store: signed purchases, notifications, and the consumption API.

``server.AppleServer`` is all of it. What a phone does and what only a test wants is under ``/_local``
(``infra.local.apple.control``).
"""
