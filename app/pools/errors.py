"""What can go wrong with pools, classes, images and folders."""

from __future__ import annotations

from app.errors import AppError, Conflict, Forbidden, Invalid, NotFound


class PoolNotFound(NotFound):
    """There is no pool of this name."""


class PoolExists(Conflict):
    """There is already a pool of this name."""


class ClassNotFound(NotFound):
    """This pool has no class of this name."""


class ClassExists(Conflict):
    """This pool already has a class of this name."""


class ClassMerged(Conflict):
    """This class was merged into another one."""


class ImageNotFound(NotFound):
    """There is no image with this id."""


class ThumbnailNotFound(NotFound):
    """There is no thumbnail of this image; import its folder again to make it anew."""


class BadThumbnailSize(Invalid):
    """Thumbnails come in the sizes 256 and 1024."""


class OriginalMissing(NotFound):
    """The file of this image is not where it was imported from; put it back or import the folder it is in now."""


class OriginalChanged(Conflict):
    """The file of this image has changed since it was imported; import its folder again."""


class FolderNotAllowed(Forbidden):
    """Folders outside those that WINNOW_IMPORT_ROOTS names can only be imported on the command line."""


class FolderOfAnotherPool(Forbidden):
    """This folder holds pictures of a pool that you are no member of; ask an admin to make you one, or to import it."""


class FolderUnusable(Invalid):
    """This folder cannot be imported."""


class NoPictures(FolderUnusable):
    """This folder holds no pictures."""


class DiskFull(AppError):
    """The disk is full; make room and import the folder again, it goes on where it stopped."""

    status = 507


class ThumbnailsNotKept(AppError):
    """The thumbnails cannot be written; see that Winnow may write in its home folder."""

    status = 500
