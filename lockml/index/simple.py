"""Package indexes and folders of wheels as one `ArchiveIndex` (PEP 503, 691).

The first location that has a project is the only one asked for it, so that a private name is never taken from a public
index; a location that claims a project is asked for it alone.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from functools import cache, partial
from threading import Event, Lock
from typing import TYPE_CHECKING, Final, TypeVar

from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.digest import ArtifactIdentity
from lockml.common.display import redact
from lockml.common.errors import PackageIndexError
from lockml.common.progress import Progress, Step, silent
from lockml.common.settings import setting
from lockml.index.cache.pages import CachedPage
from lockml.index.cache.store import Cache
from lockml.index.distributions.cached import (
    cached_identity,
    cached_importable,
    cached_metadata,
    cached_tops,
    store_metadata,
    verified_identity,
)
from lockml.index.find_links import list_folder
from lockml.index.http.client import CONNECTIONS, LARGE, HttpClient
from lockml.index.locations import IndexLocation
from lockml.index.model import CoreMetadata, DistributionFile, Elsewhere, FileEntry, MetadataError, Project
from lockml.index.pages.fetch import FetchedPage, cached_page, fetch_page, serialized
from lockml.index.pages.parse import PageError, parse_links, parse_page, select_project
from lockml.index.pages.releases import Releases
from lockml.index.prefetch import PrefetchedResults

if TYPE_CHECKING:
    from lockml.index.advisories import Advisory, Release
    from lockml.index.pages.elsewhere import ElsewhereReader, Source

__all__ = ["SimpleIndex"]

_OUTAGE: Final = "the other indexes are not asked instead: they may have another project of this name"
_OTHERS: Final = 16  # requests at once to indexes that are asked only to show what they have
_WHOLE_FILES: Final = 6  # that are fetched at once: each may be gigabytes
_T = TypeVar("_T")
_FileKey = tuple[str, str, tuple[tuple[str, str], ...], NormalizedName, str]


class SimpleIndex:
    """The *locations*, the first has precedence. Use as a context manager, so that its threads end.

    *renewed* says of which projects the index is asked whether their pages are still what is in the cache, however
    long they may be kept; of None, whether that holds for pages of files of any.
    """

    def __init__(
        self,
        locations: Sequence[IndexLocation],
        *,
        client: HttpClient,
        cache: Cache,
        progress: Progress = silent,
        renewed: Callable[[NormalizedName | None], bool] = lambda _: False,
    ) -> None:
        self._locations = tuple(locations)
        for location in self._locations:
            client.know(location.url)
        self._renewed = renewed
        self._client = client
        self._outage = _OUTAGE if len(self._locations) > 1 and not client.offline else None
        self._cache = cache
        self._progress = progress
        self._fetched = 0
        self._find_links: dict[str, tuple[FileEntry, ...]] = {}
        self._find_links_lock = Lock()
        self._page_pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="lockml-pages")
        self._file_pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="lockml-files")
        self._others_pool: ThreadPoolExecutor | None = None
        self._unwritten: deque[tuple[str, CachedPage, float, Project]] = deque()
        reading_lock = Lock()
        shared = reading_lock, self._write_one, client.release
        self._projects = PrefetchedResults[NormalizedName, Project](self._page_pool, *shared)
        self._metadata = PrefetchedResults[_FileKey, CoreMetadata](self._file_pool, *shared)

    def __enter__(self) -> "SimpleIndex":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._others_pool is not None:  # what is only shown is not waited for
            self._others_pool.shutdown(wait=False, cancel_futures=True)
        interrupted = kind is not None and not issubclass(kind, Exception)
        for wait in (False,) if interrupted else (False, True):  # neither begins anything new while the other ends
            for pool in (self._page_pool, self._file_pool):
                pool.shutdown(wait=wait, cancel_futures=True)
        while self._write_one():
            pass

    def _write_one(self) -> bool:
        """Cache a page that arrived, whose project then reads the file, not memory; say whether there was one."""
        try:
            key, page, max_age, project = self._unwritten.popleft()
        except IndexError:
            return False
        self._write(key, page, max_age, project)
        return True

    def _write(self, key: str, page: CachedPage, max_age: float, project: Project) -> None:
        self._cache.pages.keep(key, page, max_age)
        in_cache = self._cache.pages.page(key)
        if in_cache is not None and in_cache.checksummed == page.checksummed and isinstance(project.releases, Releases):
            project.releases.map_from(in_cache.body[len(in_cache.body) - in_cache.checksummed :])

    def prefetch_projects(self, names: Iterable[NormalizedName], then: Callable[[Project], None] | None = None) -> None:
        """Begin to fetch the pages of *names*; what arrives is given to *then* by the thread that fetched it."""
        for name in names:
            self._projects.begin(name, partial(self._cached_project, name), partial(self._fetch_project, name), then)

    def prefetch_metadata(
        self, files: Iterable[DistributionFile], then: Callable[[CoreMetadata], None] | None = None
    ) -> None:
        """Begin to fetch the metadata of *files*; what arrives is given to *then* by the thread that fetched it."""
        for file in files:
            self._metadata.begin(
                _key(file), partial(self._cached_metadata, file), partial(self._fetch_metadata, file), then
            )

    def project(self, name: NormalizedName) -> Project | None:
        """Return the project from the first index that has it, or None; raises PackageIndexError."""
        self.prefetch_projects([name])
        return self._projects.result(name)

    @property
    def has_others(self) -> bool:
        """Whether there is more than one location."""
        return len(self._locations) > 1

    @property
    def others(self) -> "ElsewhereReader":
        """What reads of projects what locations list that are not asked for them."""
        from lockml.index.pages.elsewhere import ElsewhereReader  # only where there are several, or for a refusal

        if self._others_pool is None:
            self._others_pool = ThreadPoolExecutor(_OTHERS, thread_name_prefix="lockml-others")
        return ElsewhereReader(self._locations, self._project_elsewhere, self._others_pool)

    def elsewhere(self, name: NormalizedName) -> Elsewhere:
        """Return which indexes are asked for an unavailable project, and what the others list, which are asked now."""
        try:
            first = self.project(name)
        except PackageIndexError:
            first = None
        return self.others.after_refusal(name, first)

    def metadata(self, file: DistributionFile) -> CoreMetadata:
        """Return what *file* says about itself; raises MetadataError or PackageIndexError."""
        self.prefetch_metadata([file])
        found = self._metadata.result(_key(file))
        if found is None:
            raise MetadataError("the index has none of its metadata")
        return found

    def identities(self, files: Sequence[DistributionFile]) -> Mapping[str, ArtifactIdentity | str]:
        """Return by file name what each wheel of *files* installs, or the reason why that cannot be determined."""
        offline = self._client.offline
        in_cache = {file.filename: cached_identity(file, self._cache, offline=offline) for file in files}
        found = {filename: identity for filename, identity in in_cache.items() if identity is not None}
        if len(found) == len(in_cache):
            return found
        from lockml.index.distributions.fetch import read_identity

        running = [
            (file.filename, self._file_pool.submit(read_identity, file, client=self._client, cache=self._cache))
            for file in files
            if file.filename not in found
        ]
        return {**found, **self._awaited("Reading RECORDs", running)}

    def tops(self, files: Sequence[DistributionFile]) -> Mapping[str, tuple[str, ...]]:
        """Return by file name the names at the top of each wheel of *files* whose identity was read."""
        return {file.filename: cached_tops(file, self._cache) for file in files}

    def importable(self, file: DistributionFile) -> Mapping[str, str]:
        """Return the hash of each file of a wheel that Python can import, by path, if its identity was read."""
        return cached_importable(file, self._cache).files()

    def examined(self, files: Sequence[DistributionFile]) -> Mapping[str, ArtifactIdentity | str | PackageIndexError]:
        """Return by file name what each wheel of *files* installs by all its bytes, which have the hash that it names.

        Each is fetched whole, unless it was before; what is found is kept at once, so that another run goes on where
        this one was ended. The result of a wheel that is unavailable, or has another hash, is an error.
        """
        found: dict[str, ArtifactIdentity | str | PackageIndexError] = {}
        for file in files:
            known = verified_identity(file, self._cache)
            if known is not None:
                found[file.filename] = known
        wanted = sorted(
            (file for file in files if file.filename not in found), key=lambda each: -(each.entry.size or 0)
        )
        ending = Event()
        pool = ThreadPoolExecutor(_WHOLE_FILES, thread_name_prefix="lockml-whole")
        running = {pool.submit(self._examined, file, ending): file for file in wanted}
        read = 0
        self._progress(Step(doing="Verified", done=len(found), total=len(files)))
        try:
            for done, future in enumerate(as_completed(running), len(found) + 1):
                file = running[future]
                read += file.entry.size or 0
                self._progress(Step(doing="Verified", subject=file.filename, done=done, total=len(files), read=read))
                found[file.filename] = future.result()
        finally:  # who is ended does not wait for a server that says nothing
            ending.set()
            pool.shutdown(wait=False, cancel_futures=True)
        return found

    def _examined(self, file: DistributionFile, ending: Event) -> ArtifactIdentity | str | PackageIndexError:
        from lockml.index.distributions.fetch import examine_wheel

        try:
            return examine_wheel(file, client=self._client, cache=self._cache, stopped=ending.is_set)
        except PackageIndexError as error:
            return error
        finally:
            self._cache.write()

    def digests(self, entries: Sequence[FileEntry]) -> Mapping[str, tuple[str, int]]:
        """Return by file name the SHA-256 and the size of each of *entries*, downloaded where they are not known."""
        from lockml.index.distributions.fetch import read_digest

        running = [
            (entry.filename, self._file_pool.submit(read_digest, entry, client=self._client, cache=self._cache))
            for entry in entries
        ]
        return self._awaited("Hashing what the index has no hash of", running)

    @property
    def offline(self) -> bool:
        """Whether nothing but the cache is used."""
        return self._client.offline

    def content(self, entry: FileEntry) -> bytes:
        """Return the bytes of *entry*, hashed; raises PackageIndexError if they are unavailable or differ."""
        from lockml.index.http.download import fetch_whole

        with fetch_whole(entry, self._client, self._cache.folder) as whole:
            return whole.content.read()

    def cached(self, key: str, make: Callable[[], bytes]) -> bytes:
        """Return what the cache has under *key*, which never goes stale, else what *make* returns, which it keeps."""
        content = self._cache.fact(key)
        if content is None:
            content = make()
            self._cache.keep_fact(key, content)
        return content

    def advisories(
        self, releases: "Iterable[Release]"
    ) -> "Mapping[NormalizedName, tuple[Advisory, ...] | PackageIndexError]":
        """Return by project the vulnerabilities of each of *releases*, or why they could not be determined."""
        from lockml.index.advisories import read_advisories  # only an audit asks for them

        return read_advisories(releases, client=self._client, cache=self._cache)

    def _awaited(self, doing: str, running: Sequence[tuple[str, Future[_T]]]) -> dict[str, _T]:
        found: dict[str, _T] = {}
        for filename, future in running:
            self._progress(Step(doing=doing, subject=filename, done=len(found), total=len(running)))
            found[filename] = future.result()
        return found

    def _cached_metadata(self, file: DistributionFile) -> CoreMetadata | None:
        return cached_metadata(file, self._cache, offline=self._client.offline)

    def _fetch_metadata(self, file: DistributionFile) -> Callable[[], CoreMetadata]:
        from lockml.index.distributions.fetch import fetch_metadata  # loaded when something has to be fetched

        fields, sha256 = fetch_metadata(file, client=self._client, cache=self._cache)
        self._tell(f"{file.project} {file.version}")
        return lambda: store_metadata(file, fields, self._cache, sha256=sha256)

    def _cached_project(self, name: NormalizedName) -> Project | None:
        """Return the project where the cache has what the first index says of it, without a request."""
        location = next(iter(self._locations_of(name)), None)
        if location is None or location.is_find_links or location.is_local or self._renewed(name):
            return None
        url = location.page_of(name)
        in_cache = cached_page(redact(url), self._cache.pages)
        return self._parsed(in_cache, url, name, location) if in_cache is not None and in_cache.fresh else None

    def _locations_of(self, name: NormalizedName) -> Sequence[IndexLocation]:
        claiming = [location for location in self._locations if location.claims(name)]
        return claiming or [location for location in self._locations if not location.only]

    def _fetch_project(self, name: NormalizedName) -> Callable[[], Project | None]:
        """Ask one location after the other, and return what reads the answer of the first that has the project."""
        for location in self._locations_of(name):
            if location.is_find_links:
                project = select_project(self._files_at(location), name)
                if project is not None:
                    return partial(_itself, project)
            else:
                url = location.page_of(name)
                arrived = self._page(url, renew=self._renewed(name))
                if arrived is not None:
                    self._tell(name)
                    return partial(self._read_page, arrived, url, name, location)
                project = self._in_flat_folder(location, name)
                if project is not None:
                    return partial(_itself, project)
        return lambda: None

    def _project_elsewhere(self, location: IndexLocation, name: NormalizedName, source: "Source") -> Project | None:
        """Return what *location* lists of a project, to show it; raises PackageIndexError."""
        url = location.page_of(name)
        if source != "server":
            in_cache = cached_page(redact(url), self._cache.pages)
            if in_cache is not None or source == "cache":
                return self._parsed(in_cache, url, name, location) if in_cache is not None else None
        arrived = fetch_page(url, client=self._client, pages=self._cache.pages)
        found = self._read_page(arrived, url, name, location) if arrived is not None else None
        return found or self._in_flat_folder(location, name)

    def _in_flat_folder(self, location: IndexLocation, name: NormalizedName) -> Project | None:
        """Return the project of the files of an index that is a folder of files of any project."""
        return select_project(self._files_at(location), name, location.folder) if location.is_local else None

    def _files_at(self, location: IndexLocation) -> tuple[FileEntry, ...]:
        """Return what a page or a folder of --find-links lists, read once."""
        with self._find_links_lock:
            if location.url not in self._find_links:
                self._find_links[location.url] = self._load_files(location)
            return self._find_links[location.url]

    def _load_files(self, location: IndexLocation) -> tuple[FileEntry, ...]:
        url = location.url
        if location.is_local and not location.is_page:
            return list_folder(location)
        page = self._page(url, renew=self._renewed(None))
        if page is None:
            hint = f"check the {setting('find-links')}"
            raise PackageIndexError(redact(url), "there is no such page", hint=hint)
        base = url if page.page.base == redact(url) else page.page.base
        try:
            found = parse_links(bytes(page.page.body), page.page.content_type, base, redact(url))
        except PageError as error:
            raise PackageIndexError(redact(url), str(error)) from error
        if page.max_age is not None:
            self._cache.pages.keep(redact(url), page.page, page.max_age)
        return found

    def _tell(self, subject: str) -> None:
        self._fetched += 1
        self._progress(Step(doing="Reading the index", subject=subject, done=self._fetched))

    def _read_page(self, arrived: FetchedPage, url: str, name: NormalizedName, location: IndexLocation) -> Project:
        if arrived.max_age is None:
            return self._parsed(arrived.page, url, name, location)
        page = serialized(arrived.page, url, name)
        project = self._parsed(page, url, name, location)
        if len(page.body) > LARGE:
            self._write(redact(url), page, arrived.max_age, project)
        else:
            self._unwritten.append((redact(url), page, arrived.max_age, project))
        return project

    def _parsed(self, page: CachedPage, url: str, name: NormalizedName, location: IndexLocation) -> Project:
        base = url if page.base == redact(url) else page.base
        reload = cache(partial(self._files_reloaded, url, name, location))
        origin = redact(location.folder)
        try:
            return parse_page(page.body, page.content_type, base, name=name, index_url=origin, reload=reload)
        except PageError as error:
            raise PackageIndexError(redact(url), str(error)) from error

    def _files_reloaded(
        self, url: str, name: NormalizedName, location: IndexLocation
    ) -> Mapping[Version, tuple[FileEntry, ...]]:
        """Return the files of a page that was kept and is damaged, as the index has them."""
        arrived = fetch_page(url, client=self._client, pages=self._cache.pages, outage=self._outage, reload=True)
        return self._read_page(arrived, url, name, location).releases if arrived is not None else {}

    def _page(self, url: str, *, renew: bool) -> FetchedPage | None:
        return fetch_page(url, client=self._client, pages=self._cache.pages, outage=self._outage, renew=renew)


def _key(file: DistributionFile) -> _FileKey:
    """Return what distinguishes *file* from all others: several pages may list one address."""
    entry = file.entry
    return entry.origin, entry.url, tuple(entry.hashes.items()), file.project, entry.filename


def _itself(project: Project) -> Project:
    return project
