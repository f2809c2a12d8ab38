"""What can be wrong with a declaration, a source tree or a manifest."""

from __future__ import annotations

from typing import ClassVar

__all__ = ["DeclarationError", "ManifestError", "SignatureError"]


class ManifestError(ValueError):
    """Root of every error that gnomon-manifest raises."""

    code: ClassVar[str] = "manifest"


class DeclarationError(ManifestError):
    """A declaration holds a value that can not be meant; raised while the decorator runs."""

    code: ClassVar[str] = "declaration"


class SignatureError(DeclarationError, TypeError):
    """A handler or hook has parameters that can not be bound by name."""

    code: ClassVar[str] = "signature"
