"""A file described for machines, as schema.org and Croissant 1.0 ask, and for a bibliography; pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.resources.library import licences
from app.resources.models import StoredFile

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "citeAs": "cr:citeAs",
    "conformsTo": "dct:conformsTo",
}


def describe(file: StoredFile, *, site: str, page_url: str, download_url: str) -> dict[str, Any]:
    """Return the description of a public file as JSON-LD.

    Args:
        file: with its owner.

    Source: mlcommons.org/croissant/1.0; schema.org/Dataset.
    """
    found = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "@id": page_url,
        "url": page_url,
        "name": file.name,
        "description": file.description or file.name,
        "creator": {"@type": "sc:Person", "name": file.owner.name},
        "publisher": {"@type": "sc:Organization", "name": site},
        "datePublished": file.created_at.date().isoformat(),
        "version": f"1.0.0+{file.sha256[:12]}",
        "citeAs": citation(file, site=site, page_url=page_url),
        "isAccessibleForFree": True,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": file.key,  # readers take no white space in one, which a name may hold
                "name": file.file_name,
                "contentUrl": download_url,
                "contentSize": f"{file.size_bytes} B",
                "encodingFormat": "application/zip",
                "sha256": file.sha256,
            }
        ],
    }
    if file.license:
        found["license"] = licences.url_of(file.license) or file.license
    return found


def citation(file: StoredFile, *, site: str, page_url: str) -> str:
    """Return how to cite a file in a text."""
    return (
        f"{file.owner.name} ({_year(file.created_at)}). {file.name} [Data set]. {site}. {page_url}. "
        f"SHA-256 {file.sha256}."
    )


def _year(moment: datetime) -> int:
    return moment.year
