"""pyuploadcare: every public method of the client, its resources and its low-level APIs."""

import hashlib
import hmac
import io
import json
import secrets
import time
import urllib.request
import uuid
import warnings
from datetime import datetime, timedelta, timezone

import pyuploadcare
from harness import (
    AGENTS,
    NOBODY,
    PUBLIC_KEY,
    REST,
    SAMPLES,
    SECRET_KEY,
    STANDINS,
    Neighbour,
    Suite,
    public_methods,
    refused,
    until,
)
from pyuploadcare import FileGroup, FileList, FileSearchRequest, GroupList, SearchExact, SizeRange, TagsFilter, Uploadcare
from pyuploadcare.api import api
from pyuploadcare.api.auth import UploadcareAuth, UploadcareSimpleAuth
from pyuploadcare.api.addon_entities import AddonClamAVExecutionParams, AddonLabels
from pyuploadcare.exceptions import (
    AuthenticationError,
    DuplicateFileError,
    InvalidRequestError,
    ThrottledRequestError,
    UploadError,
    WebhookIsNotUnique,
)
from pyuploadcare.resources.file import File, FileFromUrl
from pyuploadcare.secure_url import AkamaiSecureUrlBuilderWithAclToken
from pyuploadcare.transformations.document import DocumentFormat, DocumentTransformation
from pyuploadcare.transformations.image import ImageTransformation
from pyuploadcare.transformations.video import VideoFormat, VideoTransformation

warnings.simplefilter("ignore")

RESOURCES = [Uploadcare, File, FileFromUrl, FileGroup, FileList, GroupList]
APIS = [one for name, one in vars(api).items() if name.endswith("API") and name != "API"]
suite = Suite("pyuploadcare", pyuploadcare.__version__, public_methods(*RESOURCES, *APIS))
success, error = suite.success, suite.error
neighbour = Neighbour()


def client(standin="open", **more):
    base = STANDINS[standin] + "/"
    key, auth = (AGENTS["all"], UploadcareSimpleAuth) if AGENTS else (SECRET_KEY, UploadcareAuth)
    settings = dict(public_key=PUBLIC_KEY, secret_key=key, auth_class=auth)
    settings |= dict(api_base=REST[standin] + "/", upload_base=base, cdn_base=base)
    return Uploadcare(**{**settings, "retry_throttled": 0, "timeout": 30, **more})


care = client()
stranger = client(public_key="nope")
forger = client(secret_key="other")


def words(text=b"a few words", name="notes.txt"):
    file = io.BytesIO(text)
    file.name = name
    return file


def sample(name):
    return (SAMPLES / name).open("rb")


def note(uploader=care, name="notes.txt", **more):
    return uploader.upload(words(name=name), size=11, **more)


def photo(uploader=care, **more):
    return uploader.upload(sample("photo.jpg"), **more)


def read(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read()


def fault(standin, what):
    request = urllib.request.Request(f"{STANDINS[standin]}/_local/faults", json.dumps(what).encode(), method="PUT")
    urllib.request.urlopen(request).close()


def no_faults(standin):
    urllib.request.urlopen(urllib.request.Request(f"{STANDINS[standin]}/_local/faults", method="DELETE")).close()


def missing():
    return refused(InvalidRequestError, '{"detail":"Not found."}')


nobody = care.file(NOBODY)
nobody_group = care.file_group(f"{NOBODY}~2")


# Uploads.


@success(["Uploadcare.upload", "File.filename", "File.size", "File.mime_type", "File.is_image", "File.is_ready"], "a photo, with everything")
def _():
    seen = []
    file = photo(store=True, metadata={"pet": "cat"}, tags=["Cat", "dog"], callback=seen.append)
    assert (file.filename, file.size, file.mime_type) == ("photo.jpg", (SAMPLES / "photo.jpg").stat().st_size, "image/jpeg")
    assert (file.is_image, file.is_ready, file.is_stored) == (True, True, True)
    assert file.info["metadata"] == {"pet": "cat"} and file.tags == ["cat", "dog"]
    assert file.info["content_info"]["image"]["format"] == "JPEG"
    assert seen[-1].done == seen[-1].total == file.size
    assert read(file.cdn_url) == (SAMPLES / "photo.jpg").read_bytes()


@success("Uploadcare.upload", "from a URL")
def _():
    assert care.upload(f"{neighbour.base}/tree.jpg").filename == "tree.jpg"


@success("Uploadcare.upload", "signed, where that is asked for")
def _():
    assert note(client("signed")).is_stored


@error("Uploadcare.upload", "not signed, where that is asked for")
def _():
    with refused(InvalidRequestError, "`signature` is required."):
        note(client("signed", signed_uploads=False))


@error("Uploadcare.upload", "signed by another secret")
def _():
    with refused(AuthenticationError, "Invalid signature."):
        note(client("signed", secret_key="other"))


@error("Uploadcare.upload", "signed too long ago")
def _():
    with refused(AuthenticationError, "Expired signature."):
        note(client("signed", signed_uploads_ttl=-60))


@error(["Uploadcare.upload", "File.filename", "File.size", "File.mime_type", "File.is_image", "File.is_ready"], "an unknown public key")
def _():
    with refused(AuthenticationError, "UPLOADCARE_PUB_KEY is invalid."):
        note(stranger)


@success("Uploadcare.upload", "waits as long as a throttled answer says, and goes on")
def _():
    fault("open", {"operation": "uploads.direct", "count": 1, "effect": {"status": 429, "retry_after": 1}})
    try:
        start = time.monotonic()
        assert note(client(retry_throttled=1)).uuid
        assert time.monotonic() - start >= 1
    finally:
        no_faults("open")


@error("Uploadcare.upload", "throttled for good")
def _():
    fault("open", {"operation": "uploads.direct", "effect": {"status": 429, "retry_after": 7}})
    try:
        note()
        raise AssertionError("was not refused")
    except ThrottledRequestError as throttled:
        assert throttled.wait == 8
    finally:
        no_faults("open")


@success("Uploadcare.upload_files", "several in one request")
def _():
    files = care.upload_files([words(b"one", "a.txt"), words(b"two", "b.txt")], store=False, common_metadata={"pet": "cat"})
    assert [file.filename for file in files] == ["a.txt", "b.txt"]
    assert [read(file.cdn_url) for file in files] == [b"one", b"two"]
    assert not files[0].is_stored and files[1].info["metadata"] == {"pet": "cat"}


@error("Uploadcare.upload_files", "51 keys of metadata")
def _():
    with refused(InvalidRequestError, "A file can not have more than 50 metadata keys."):
        care.upload_files([words()], common_metadata={f"key{at}": "x" for at in range(51)})


@success("Uploadcare.multipart_upload", "in three parts")
def _():
    done = []
    with sample("large.bin") as large:
        file = care.multipart_upload(large, store=True, metadata={"pet": "cat"}, tags=["cat"], callback=lambda seen: done.append(seen.done))
    assert done == [5 << 20, 10 << 20, 11_000_000]
    assert file.info["is_stored"] and file.info["metadata"] == {"pet": "cat"}
    file.update_info()
    assert file.tags == ["cat"]
    assert read(file.cdn_url) == (SAMPLES / "large.bin").read_bytes()


@success("Uploadcare.multipart_upload", "signed, where that is asked for")
def _():
    with sample("large.bin") as large:
        assert client("signed").upload(large).info["size"] == 11_000_000


@error("Uploadcare.multipart_upload", "too small")
def _():
    with refused(InvalidRequestError, "File size can not be less than 10000000 bytes. Please use direct upload instead of multipart."):
        care.multipart_upload(words(), size=11)


@success("UploadAPI.upload", "by the name of the field")
def _():
    assert uuid.UUID(care.upload_api.upload(files={"mine.txt": ("mine.txt", b"x", "text/plain")})["mine.txt"])


@error("UploadAPI.upload", "no file")
def _():
    with refused(InvalidRequestError, "Request does not contain files."):
        care.upload_api.upload(files={})


def started(size=11_000_000):
    return care.upload_api.start_multipart_upload("large.bin", size, "application/octet-stream")


@success("UploadAPI.start_multipart_upload", "has a URL for every part")
def _():
    assert len(started()["parts"]) == 3


@error("UploadAPI.start_multipart_upload", "too small")
def _():
    with refused(InvalidRequestError, "File size can not be less than 10000000 bytes."):
        started(100)


@success("UploadAPI.multipart_upload_chunk", "a part, and again")
def _():
    url = started()["parts"][0]
    for _ in range(2):
        assert care.upload_api.multipart_upload_chunk(url, bytes(5 << 20)) == b""


@error("UploadAPI.multipart_upload_chunk", "nobody started this upload")
def _():
    url = started()["parts"][0]
    head, _, tail = url.partition("uploadId=")
    altered = f"{head}uploadId=nobody&{tail.partition('&')[2]}"
    with refused((InvalidRequestError, AuthenticationError), "<Error>"):
        care.upload_api.multipart_upload_chunk(altered, b"x")


@success("UploadAPI.multipart_complete", "ends with the file")
def _():
    start = started(10_000_000)
    for url, size in zip(start["parts"], [5 << 20, 10_000_000 - (5 << 20)]):
        care.upload_api.multipart_upload_chunk(url, bytes(size))
    info = care.upload_api.multipart_complete(start["uuid"])
    assert (info["uuid"], info["size"], info["is_ready"]) == (start["uuid"], 10_000_000, True)


@error("UploadAPI.multipart_complete", "a part is missing")
def _():
    with refused(InvalidRequestError, "File size mismatch. Not all parts uploaded?"):
        care.upload_api.multipart_complete(started()["uuid"])


@success(["Uploadcare.generate_upload_signature", "UploadAPI.generate_secure_signature"], "by the documented vector")
def _():
    made = care.upload_api.generate_secure_signature("demosecretkey", 1454902434)
    assert made == "f48020921ad3964cdf218f5f57bf97d1adaecf334898f05e24abb6610b99d2bb"
    expire, signature = care.generate_upload_signature()
    assert signature == care.upload_api.generate_secure_signature(SECRET_KEY, expire)


# Uploads from URLs.


@success(["Uploadcare.upload_from_url", "FileFromUrl.wait", "FileFromUrl.get_file", "FileFromUrl.info", "FileFromUrl.update_info"], "waited for")
def _():
    upload = care.upload_from_url(f"{neighbour.base}/tree.jpg", store=True, filename="oak.jpg", metadata={"pet": "cat"}, tags=["tree"])
    file = upload.wait(interval=0.05, until_ready=True)
    assert (file.filename, file.is_stored, file.tags) == ("oak.jpg", True, ["tree"])
    assert file.info["metadata"] == {"pet": "cat"}
    assert upload.info["status"] == upload.update_info()["status"] == "success"
    assert upload.get_file().uuid == file.uuid


@error(["Uploadcare.upload_from_url", "UploadAPI.upload_from_url", "Uploadcare.upload_from_url_sync"], "a private address")
def _():
    with refused(InvalidRequestError, "Only public IPs are allowed."):
        client("strict").upload_from_url_sync("http://192.168.1.10/1.jpg")


@error(["FileFromUrl.wait", "FileFromUrl.info", "FileFromUrl.update_info", "FileFromUrl.get_file"], "the source has no such file")
def _():
    upload = care.upload_from_url(f"{neighbour.base}/gone.jpg")
    with refused(UploadError, "HTTP client error: 404."):
        upload.wait(interval=0.05)
    assert upload.info["error_code"] == "DownloadFileHTTPClientError" and upload.get_file() is None


@success("Uploadcare.upload_from_url_sync", "and the same again is found")
def _():
    url = f"{neighbour.base}/same-{secrets.token_hex(4)}.txt"
    first = care.upload_from_url_sync(url, interval=0.05, check_duplicates=True, save_duplicates=True)
    again = care.upload_from_url_sync(url, interval=0.05, check_duplicates=True, save_duplicates=True)
    assert first.uuid == again.uuid
    with refused(DuplicateFileError, first.uuid):
        care.upload_from_url(url, check_duplicates=True)
    assert care.upload_from_url_sync(url, interval=0.05).uuid != first.uuid


@success("Uploadcare.upload_from_url_sync", "signed, where that is asked for")
def _():
    assert client("signed").upload_from_url_sync(f"{neighbour.base}/words.txt", interval=0.05).filename == "words.txt"


@success(["UploadAPI.upload_from_url", "UploadAPI.get_upload_from_url_status", "Uploadcare.file_from_url"], "with a token")
def _():
    token = care.upload_api.upload_from_url(f"{neighbour.base}/words.txt")
    status = until(lambda: (now := care.upload_api.get_upload_from_url_status(token))["status"] == "success" and now, "end")
    assert status["uuid"] == care.file_from_url(token).get_file().uuid
    assert care.upload_api.get_upload_from_url_status("nope") == {"status": "unknown"}


@error("UploadAPI.get_upload_from_url_status", "no token")
def _():
    with refused(InvalidRequestError, "token is required."):
        care.upload_api.get_upload_from_url_status("")


# Files.


@success(["File.info", "File.update_info", "File.datetime_uploaded", "File.datetime_stored", "File.datetime_removed", "File.is_stored", "File.is_removed", "FilesAPI.retrieve"], "tell everything")
def _():
    file = note(store=False)
    assert file.info["url"] == f"{REST['open']}/files/{file.uuid}/"
    assert abs(datetime.now(timezone.utc) - file.datetime_uploaded) < timedelta(minutes=1)
    assert (file.datetime_stored, file.datetime_removed, file.is_stored, file.is_removed) == (None, None, False, False)
    assert file.info["appdata"] is None and file.update_info(include_appdata=True)["appdata"] is not None
    assert care.files_api.retrieve(file.uuid).content_info.mime.mime == "text/plain"


@error(["File.info", "File.update_info", "File.datetime_uploaded", "File.datetime_stored", "File.datetime_removed", "File.is_stored", "File.is_removed", "FilesAPI.retrieve"], "nobody has the file")
def _():
    with missing():
        care.file(NOBODY).update_info()
    with missing():
        care.files_api.retrieve(NOBODY)


@error("FilesAPI.retrieve", "another secret")
def _():
    with refused(AuthenticationError, "Invalid signature. Please check your Secret key."):
        forger.files_api.retrieve(NOBODY)


@error("FilesAPI.retrieve", "an unknown public key")
def _():
    with refused(AuthenticationError, "Public key nope not found."):
        stranger.files_api.retrieve(NOBODY)


@success(["File.store", "FilesAPI.store"], "and once more, with the first time kept")
def _():
    file = note(store=False)
    file.store()
    first = file.datetime_stored
    assert first and care.files_api.store(file.uuid).datetime_stored.isoformat() == first.isoformat()


@error(["File.store", "FilesAPI.store"], "nobody has the file")
def _():
    with missing():
        nobody.store()


@success(["File.delete", "FilesAPI.delete"], "leaves the facts and takes the rest")
def _():
    file = note(store=True)
    file.delete()
    assert file.is_removed and not file.is_stored and file.info["original_file_url"] is None
    assert care.files_api.delete(file.uuid).datetime_removed.isoformat() == file.datetime_removed.isoformat()


@error(["File.delete", "FilesAPI.delete"], "nobody has the file")
def _():
    with missing():
        nobody.delete()


@success("Uploadcare.store_files", "more than a batch holds")
def _():
    files = [note(store=False) for _ in range(3)]
    client(batch_chunk_size=2).store_files(files)
    assert all(care.file(file.uuid).is_stored for file in files)


@success("Uploadcare.delete_files", "more than a batch holds")
def _():
    files = [note(store=False) for _ in range(3)]
    client(batch_chunk_size=2).delete_files([file.uuid for file in files])
    assert all(care.file(file.uuid).is_removed for file in files)


@success(["FilesAPI.batch_store", "FilesAPI.batch_delete"], "in the order of their upload, with what is wrong")
def _():
    older, newer = note(store=False), note(store=False)
    for call in (care.files_api.batch_store, care.files_api.batch_delete):
        answer = call([newer.uuid, older.uuid, NOBODY, "4j334o01-8bs3"])
        assert [str(file.uuid) for file in answer.result] == [older.uuid, newer.uuid]
        assert answer.problems == {NOBODY: "Missing in the project", "4j334o01-8bs3": "Invalid"}


@error(["FilesAPI.batch_store", "Uploadcare.store_files"], "none and too many")
def _():
    with refused(InvalidRequestError, "List of UUIDs can not be empty"):
        care.files_api.batch_store([])
    with refused(InvalidRequestError, "Maximum UUIDs per request is exceeded. The limit is 100"):
        client(batch_chunk_size=200).store_files([NOBODY] * 101)


@error(["FilesAPI.batch_delete", "Uploadcare.delete_files"], "none and too many")
def _():
    with refused(InvalidRequestError, "List of UUIDs can not be empty"):
        care.files_api.batch_delete([])
    with refused(InvalidRequestError, "Maximum UUIDs per request is exceeded. The limit is 100"):
        client(batch_chunk_size=200).delete_files([NOBODY] * 101)


@success(["Uploadcare.list_files", "FilesAPI.list", "FileList.query_parameters", "FileList.starting_point"], "every file once, from a time on, in both orders")
def _():
    made = [note(store=True) for _ in range(5)]
    uuids = [file.uuid for file in care.list_files(ordering="datetime_uploaded")]
    assert len(set(uuids)) == len(uuids) and [one for one in uuids if one in {file.uuid for file in made}] == [file.uuid for file in made]
    assert [str(file.uuid) for file in care.files_api.list(request_limit=2, stored="true")][-5:] == [file.uuid for file in made]
    later = care.list_files(starting_point=made[1].datetime_uploaded, ordering="datetime_uploaded")
    assert [file.uuid for file in later][:3] == [file.uuid for file in made[2:]]
    assert later.query_parameters()["from"] == later.starting_point
    newest = care.list_files(ordering="-datetime_uploaded", limit=2)
    assert [file.uuid for file in newest[:2]] == [made[4].uuid, made[3].uuid]
    naive = care.list_files(starting_point=datetime(2015, 10, 21), ordering="datetime_uploaded", stored=True)
    assert naive[0].uuid == [file for file in care.list_files(stored=True)][0].uuid


@success("Uploadcare.list_files", "only what is stored, and only what is removed")
def _():
    kept, loose, gone = note(store=True), note(store=False), note()
    gone.delete()
    uuids = lambda **how: {file.uuid for file in care.list_files(**how)}  # noqa: E731
    assert kept.uuid in uuids(stored=True) and loose.uuid not in uuids(stored=True)
    assert loose.uuid in uuids(stored=False) and kept.uuid not in uuids(stored=False)
    assert gone.uuid in uuids(removed=True) and kept.uuid not in uuids(removed=True)


@error(["Uploadcare.list_files", "FilesAPI.list"], "an order and a number that are none")
def _():
    with refused(InvalidRequestError):
        list(care.list_files(ordering="size"))
    with refused(InvalidRequestError):
        list(care.files_api.list(request_limit=1001))
    with refused(InvalidRequestError):
        list(care.files_api.list(**{"from": "invalid-date"}))


@success(["FileList.count", "FilesAPI.count", "FileList.resource_api"], "are counted")
def _():
    note()
    files = care.list_files()
    assert files.count() == len(list(care.list_files())) == files.resource_api.count()


@error(["FileList.count", "FilesAPI.count", "GroupList.count", "GroupsAPI.count"], "another secret")
def _():
    with refused(AuthenticationError):
        forger.list_files().count()
    with refused(AuthenticationError):
        forger.list_file_groups().count()


@success(["File.create_local_copy", "FilesAPI.local_copy"], "is whole in the end")
def _():
    source = photo()
    copy = source.create_local_copy(store=True)
    assert copy.uuid != source.uuid
    until(lambda: copy.update_info()["size"] == source.size, "whole copy")
    assert copy.is_stored and copy.is_image
    answer = care.files_api.local_copy(source.uuid)
    assert (answer.type, answer.result.size, answer.result.is_image) == ("file", 0, None)


@success("File.create_local_copy", "of a smaller version")
def _():
    copy = photo().create_local_copy(effects=ImageTransformation().preview(20, 20))
    until(lambda: copy.update_info()["content_info"], "whole copy")
    assert copy.info["content_info"]["image"]["width"] == 20


@error(["File.create_local_copy", "FilesAPI.local_copy"], "nobody has the file; no source")
def _():
    with missing():
        nobody.create_local_copy()
    with refused(InvalidRequestError, "Bad `source` parameter. Use UUID or CDN URL."):
        care.files_api.local_copy("x")


@success(["File.create_remote_copy", "FilesAPI.remote_copy"], "makes an object, once")
def _():
    source = photo()
    url = source.create_remote_copy("archive", make_public=True, pattern="${uuid}/${filename}${ext}")
    assert url.endswith(f"/{source.uuid}/photo.jpg")
    assert care.files_api.remote_copy(source.uuid, "archive", pattern="${uuid}/${filename}${ext}").result == url


@error(["File.create_remote_copy", "FilesAPI.remote_copy"], "to nowhere")
def _():
    with refused(InvalidRequestError, "Project has no storage with provided name."):
        note().create_remote_copy("nowhere")


@success(["Uploadcare.search_files", "FilesAPI.search", "Uploadcare.iterate_search_files", "FilesAPI.search_iterate"], "by words, tags and metadata")
def _():
    word = f"sunset{secrets.token_hex(2)}"
    made = [note(name=f"{word}-{at}.txt", tags=["cat", f"n{at}"], metadata={"album": "summer"}).uuid for at in range(3)]
    request = FileSearchRequest(query=word, tags=TagsFilter(all_=["cat"]), sort=["datetime_uploaded"])
    page = until(lambda: (page := care.search_files(request, limit=2)).total == 3 and page, "three files")
    assert [str(file.uuid) for file in page.results] == made[:2]
    assert "<em>" in page.results[0].highlight.original_filename[0] and page.results[0].tags == ["cat", "n0"]
    assert [str(file.uuid) for file in care.iterate_search_files(request, request_limit=2)] == made
    assert [str(file.uuid) for file in care.files_api.search_iterate(request, limit=1)] == made[:1]
    exact = FileSearchRequest(exact=SearchExact(metadata={"album": ["summer"]}), query=word, size=SizeRange(gte=1))
    assert care.files_api.search(exact, include_appdata=True).total == 3


@error(["Uploadcare.search_files", "FilesAPI.search", "Uploadcare.iterate_search_files", "FilesAPI.search_iterate"], "another secret")
def _():
    with refused(AuthenticationError):
        forger.search_files({"query": "sunset"})
    with refused(AuthenticationError):
        list(forger.iterate_search_files({"query": "sunset"}))


# Tags and metadata.


@success(["File.tags", "File.get_tags", "File.set_tags", "File.update_tags", "TagsAPI.get", "TagsAPI.set", "TagsAPI.update"], "are set, changed and read")
def _():
    file = note()
    assert file.tags == file.get_tags() == []
    changed = file.set_tags([" Cat ", "CAT", "animal", "cute"])
    assert (changed.tags, changed.added, changed.deleted) == (["cat", "animal", "cute"], ["animal", "cat", "cute"], [])
    changed = file.update_tags(add=["dog"], delete=["animal"])
    assert (changed.tags, changed.added, changed.deleted) == (["cat", "cute", "dog"], ["dog"], ["animal"])
    assert care.tags_api.get(file.uuid) == file.tags == ["cat", "cute", "dog"]
    assert care.tags_api.update(file.uuid).tags == ["cat", "cute", "dog"]
    assert care.tags_api.set(file.uuid, []).deleted == ["cat", "cute", "dog"]


@error(["File.tags", "File.get_tags", "TagsAPI.get"], "nobody has the file, or it is removed")
def _():
    with missing():
        nobody.get_tags()
    file = note()
    file.delete()
    with refused(InvalidRequestError):
        care.tags_api.get(file.uuid)


@error(["File.set_tags", "File.update_tags", "TagsAPI.set", "TagsAPI.update"], "nobody has the file; more than 50 in the end")
def _():
    with missing():
        nobody.set_tags(["x"])
    with missing():
        nobody.update_tags(add=["x"])
    file = note(tags=[f"t{at}" for at in range(50)])
    with refused(InvalidRequestError, "Too many tags: 51 (max 50)."):
        file.update_tags(add=["one-more"])


@success(["MetadataAPI.update_or_create_key", "MetadataAPI.get_key", "MetadataAPI.get_all_metadata", "MetadataAPI.delete_key"], "are set, read and deleted")
def _():
    file, meta = note(), care.metadata_api
    assert meta.get_all_metadata(file.uuid) == {}
    assert meta.update_or_create_key(file.uuid, "a:b.c-d_e", "one") == "one"
    assert meta.update_or_create_key(file.uuid, "a:b.c-d_e", "другой") == "другой"
    assert meta.get_key(file.uuid, "a:b.c-d_e") == "другой"
    assert meta.get_all_metadata(file.uuid) == {"a:b.c-d_e": "другой"}
    meta.delete_key(file.uuid, "a:b.c-d_e")
    assert meta.get_all_metadata(file.uuid) == {}


@error(["MetadataAPI.update_or_create_key", "MetadataAPI.get_key", "MetadataAPI.get_all_metadata", "MetadataAPI.delete_key"], "nobody has the file or the key")
def _():
    meta = care.metadata_api
    for call in (meta.get_all_metadata, lambda one: meta.get_key(one, "pet"), lambda one: meta.delete_key(one, "pet")):
        with missing():
            call(NOBODY)
    with missing():
        meta.update_or_create_key(NOBODY, "pet", "cat")
    with missing():
        meta.get_key(note().uuid, "pet")


@error("MetadataAPI.update_or_create_key", "a 51st key")
def _():
    file = note(metadata={f"k{at}": "x" for at in range(50)})
    with refused(InvalidRequestError):
        care.metadata_api.update_or_create_key(file.uuid, "one-more", "x")


# Groups.


@success(["Uploadcare.create_file_group", "FileGroup.info", "FileGroup.update_info", "FileGroup.datetime_created", "GroupsAPI.retrieve", "UploadAPI.create_group"], "with its files")
def _():
    one, two = note(), photo()
    group = care.create_file_group([one, two])
    assert len(group) == 2 and [file.uuid for file in group] == [one.uuid, two.uuid]
    info = group.update_info()
    assert info["url"] == f"{REST['open']}/groups/{group.id}/" and group.info["files_count"] == 2
    again = care.file_group(group.id)
    again.update_info()
    assert abs(datetime.now(timezone.utc) - again.info["datetime_created"]) < timedelta(minutes=1)
    assert care.groups_api.retrieve(group.id).files[1].is_image
    assert care.upload_api.create_group([one.uuid], secure_upload=True)["id"].endswith("~1")


@success("Uploadcare.create_file_group", "signed, where that is asked for")
def _():
    signed = client("signed")
    assert len(signed.create_file_group([note(signed)])) == 1


@error(["Uploadcare.create_file_group", "UploadAPI.create_group"], "nobody has the file")
def _():
    with refused(InvalidRequestError, "Some files not found."):
        care.create_file_group([nobody])


@error(["FileGroup.info", "FileGroup.update_info", "FileGroup.datetime_created", "FileGroup.is_stored", "FileGroup.store", "FileGroup.datetime_stored", "GroupsAPI.retrieve"], "nobody has the group")
def _():
    with missing():
        nobody_group.update_info()
    with missing():
        nobody_group.store()
    with missing():
        care.groups_api.retrieve(f"{NOBODY}~2")


@success(["FileGroup.store", "FileGroup.is_stored", "FileGroup.datetime_stored"], "stores every file of it")
def _():
    group = care.create_file_group([note(store=False), note(store=False)])
    assert not group.is_stored
    group.store()
    group.update_info()
    assert group.is_stored and all(care.file(file.uuid).is_stored for file in group)
    assert group.datetime_stored


@success(["FileGroup.delete", "FileGroup.is_deleted", "GroupsAPI.delete"], "and its files stay")
def _():
    file = note()
    group = care.create_file_group([file])
    group.delete()
    assert group.is_deleted
    with missing():
        care.groups_api.retrieve(group.id)
    assert not care.file(file.uuid).is_removed
    care.groups_api.delete(care.create_file_group([file]).id)


@success("FileGroup.delete", "with its files")
def _():
    file = note()
    care.create_file_group([file]).delete(delete_files=True)
    assert care.file(file.uuid).is_removed


@error(["FileGroup.delete", "GroupsAPI.delete"], "nobody has the group")
def _():
    with missing():
        care.file_group(f"{NOBODY}~2").delete()


@success(["Uploadcare.list_file_groups", "GroupsAPI.list", "GroupList.query_parameters", "GroupList.starting_point"], "every group once")
def _():
    made = [care.create_file_group([note()]).id for _ in range(3)]
    assert [group.id for group in care.list_file_groups()][-3:] == made
    assert [group.id for group in care.groups_api.list(request_limit=2)][-3:] == made
    newest = care.list_file_groups(ordering="-datetime_created", starting_point=datetime.now(timezone.utc) + timedelta(days=1), limit=1)
    assert newest[0].id == made[-1] and newest.query_parameters()["from"] == newest.starting_point


@error(["Uploadcare.list_file_groups", "GroupsAPI.list"], "an order that is none")
def _():
    with refused(InvalidRequestError):
        list(care.groups_api.list(ordering="size"))


@success(["GroupList.count", "GroupsAPI.count", "GroupList.resource_api"], "are counted")
def _():
    care.create_file_group([note()])
    groups = care.list_file_groups()
    assert groups.count() == len(list(care.list_file_groups())) == groups.resource_api.count()


@success("GroupsAPI.store", "is gone from the API, and unknown here too")
def _():
    with refused(InvalidRequestError):
        care.groups_api.store(care.create_file_group([note()]).id)


# The project.


@success(["Uploadcare.get_project_info", "ProjectAPI.retrieve"], "says whose it is")
def _():
    info = care.get_project_info()
    assert info.pub_key == PUBLIC_KEY and info.autostore_enabled and care.project_api.retrieve() == info


@error(["Uploadcare.get_project_info", "ProjectAPI.retrieve"], "another secret")
def _():
    with refused(AuthenticationError):
        forger.get_project_info()


# Webhooks.


def target():
    return f"{neighbour.base}/{secrets.token_hex(8)}"


def signature_is_right(headers, body, secret):
    """As documented for receivers; pyuploadcare itself has no function for it."""
    told = {name.lower(): value for name, value in headers.items()}["x-uc-signature"]
    made = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"v1={made}", told)


@success(["Uploadcare.create_webhook", "WebhooksAPI.create"], "and what is delivered is signed")
def _():
    where, secret = target(), "not to be told"
    hook = care.create_webhook(where, signing_secret=secret)
    assert (hook.target_url, hook.event, hook.is_active, hook.signing_secret) == (where, "file.uploaded", True, secret)
    file = note(name="Im Grünen.txt")
    arrived = until(
        lambda: next((one for one in neighbour.delivered if where.endswith(one[0]) and file.uuid.encode() in one[2]), None),
        "webhook",
    )
    _, headers, body = arrived
    assert signature_is_right(headers, body, secret) and not signature_is_right(headers, body + b" ", secret)
    told = json.loads(body)
    assert (told["hook"]["event"], told["hook"]["target"], told["data"]["uuid"]) == ("file.uploaded", where, file.uuid)
    assert told["data"]["original_filename"] == "Im Grünen.txt" and told["initiator"]["type"] == "api"
    assert secret.encode() not in body
    care.delete_webhook(hook)


@success("Uploadcare.create_webhook", "of a change of metadata")
def _():
    where = target()
    hook = care.create_webhook(where, event="file.info_updated")
    file = note(metadata={"pet": "cat"})
    care.metadata_api.update_or_create_key(file.uuid, "pet", "dog")
    _, _, body = until(lambda: next((one for one in neighbour.delivered if where.endswith(one[0])), None), "webhook")
    told = json.loads(body)
    assert told["previous_values"] == {"metadata": {"pet": "cat"}} and told["data"]["metadata"] == {"pet": "dog"}
    care.delete_webhook(hook)


@error(["Uploadcare.create_webhook", "WebhooksAPI.create"], "the same again")
def _():
    where = target()
    care.create_webhook(where)
    with refused(WebhookIsNotUnique):
        care.create_webhook(where)


@error("WebhooksAPI.create", "without a target")
def _():
    with refused(InvalidRequestError, "`target_url` is missing."):
        care.webhooks_api.create({"event": "file.uploaded"})


@success(["Uploadcare.list_webhooks", "WebhooksAPI.list"], "all of them")
def _():
    hook = care.create_webhook(target(), is_active=False)
    assert [one.is_active for one in care.list_webhooks() if one.id == hook.id] == [False]
    assert hook.id in [one.id for one in care.webhooks_api.list()]


@error(["Uploadcare.list_webhooks", "WebhooksAPI.list"], "another secret")
def _():
    with refused(AuthenticationError):
        list(forger.list_webhooks())


@success(["Uploadcare.update_webhook", "WebhooksAPI.update"], "changes what is given")
def _():
    hook = care.create_webhook(target(), signing_secret="one")
    changed = care.update_webhook(hook, is_active=False)
    assert (changed.is_active, changed.target_url, changed.signing_secret) == (False, hook.target_url, "one")
    assert care.webhooks_api.update(hook.id, {"is_active": True}).is_active


@error(["Uploadcare.update_webhook", "WebhooksAPI.update"], "nobody has the webhook")
def _():
    with missing():
        care.update_webhook(999_999_999, is_active=False)


@success(["Uploadcare.delete_webhook", "WebhooksAPI.delete"], "that one only")
def _():
    where = target()
    one, other, third = (care.create_webhook(where, event=event) for event in ("file.uploaded", "file.stored", "file.deleted"))
    care.delete_webhook(one)
    care.webhooks_api.delete(other.id)
    assert [hook.id for hook in care.list_webhooks() if hook.target_url == where] == [third.id]


@error(["Uploadcare.delete_webhook", "WebhooksAPI.delete"], "nobody has the webhook")
def _():
    with missing():
        care.delete_webhook(999_999_999)


# Conversion.


def finished(status, token):
    return until(lambda: (now := status(token)).status not in ("pending", "processing") and now, "end of the conversion")


@success(["File.convert", "File.convert_document"], "a page as an image")
def _():
    document = care.upload(sample("document.pdf"))
    made = document.convert(DocumentTransformation().format(DocumentFormat.jpg).page(1), store=True)
    until(lambda: made.update_info()["is_ready"], "made page")
    assert made.is_stored and made.filename.endswith(".jpg")
    assert document.convert_document(DocumentTransformation().format(DocumentFormat.png).page(2)).uuid


@success(["File.get_converted_document_group", "DocumentConvertAPI.retrieve"], "every page")
def _():
    document = care.upload(sample("document.pdf"))
    document.convert_document(DocumentTransformation().format(DocumentFormat.jpg), save_in_group=True)

    def made():
        try:
            return document.get_converted_document_group(DocumentFormat.jpg)
        # The model wants groups to be there; the service leaves them out until there are some.
        except (KeyError, ValueError):
            return None

    assert len(until(made, "group of pages")) == 3
    info = care.document_convert_api.retrieve(document.uuid)
    assert info.format.name == "pdf" and "jpg" in [one.name for one in info.format.conversion_formats]


@error(["File.get_converted_document_group", "DocumentConvertAPI.retrieve"], "nobody has the file")
def _():
    with missing():
        nobody.get_converted_document_group(DocumentFormat.jpg)


@success(["DocumentConvertAPI.convert", "DocumentConvertAPI.status"], "with what is wrong, to the end")
def _():
    path = f"{care.upload(sample('document.pdf')).uuid}/document/-/format/png/-/page/1/"
    answer = care.document_convert_api.convert([path, "invalid"], store=False)
    assert answer.result[0].original_source == path
    assert answer.problems == {"invalid": 'Bad path "invalid". Use UUID or CDN URL'}
    end = finished(care.document_convert_api.status, answer.result[0].token)
    assert (end.status, end.result.uuid) == ("finished", answer.result[0].uuid)


@error(["DocumentConvertAPI.convert", "VideoConvertAPI.convert"], "nothing")
def _():
    for convert in (care.document_convert_api.convert, care.video_convert_api.convert):
        with refused(InvalidRequestError, "parameter is required."):
            convert([])


@error(["DocumentConvertAPI.status", "VideoConvertAPI.status"], "nobody has the token")
def _():
    for status in (care.document_convert_api.status, care.video_convert_api.status):
        with missing():
            status(1)


@error(["File.convert", "File.convert_document", "File.convert_video"], "nobody has the file")
def _():
    for how in (DocumentTransformation().format(DocumentFormat.pdf), VideoTransformation().format(VideoFormat.mp4)):
        with refused(InvalidRequestError, "Use UUID or CDN URL"):
            nobody.convert(how)
    with refused(InvalidRequestError, "Use UUID or CDN URL"):
        nobody.convert_video(VideoTransformation())


@success(["File.convert_video", "VideoConvertAPI.convert", "VideoConvertAPI.status"], "with thumbnails, to the end")
def _():
    film = care.upload(sample("film.mp4"))
    made = film.convert_video(VideoTransformation().format(VideoFormat.webm).thumbs(2))
    assert len(care.file_group(made.thumbnails_group_uuid)) == 2
    answer = care.video_convert_api.convert([f"{film.uuid}/video/-/size/640x480/add_padding/-/cut/0:0:0.0/end/"])
    end = finished(care.video_convert_api.status, answer.result[0].token)
    assert end.status == "finished" and end.result.thumbnails_group_uuid.endswith("~1")
    assert f"video/-/format/webm/-/quality/normal/" in {str(key) for key in care.file(film.uuid).info["variations"]}


# Add-ons.


def ran(name, file, **params):
    request = care.addons_api.execute(file.uuid, name, **params).request_id
    return until(lambda: (now := care.addons_api.status(request, name)).status.value not in ("in_progress", "unknown") and now, "end of the add-on")


@success(["AddonsAPI.execute", "AddonsAPI.status"], "a virus, and none")
def _():
    infected = care.upload(sample("eicar.com"))
    assert ran(AddonLabels.CLAM_AV, infected).status.value == "done"
    found = infected.update_info(include_appdata=True)["appdata"]["uc_clamav_virus_scan"]["data"]
    assert found["infected"] and "eicar" in found["infected_with"].lower()
    clean = note()
    ran(AddonLabels.CLAM_AV, clean, params=AddonClamAVExecutionParams(purge_infected=True))
    assert not clean.update_info(include_appdata=True)["appdata"]["uc_clamav_virus_scan"]["data"]["infected"]


@success(["AddonsAPI.execute", "AddonsAPI.status"], "what is in an image")
def _():
    file = photo()
    for name in (AddonLabels.AWS_LABEL_RECOGNITION, AddonLabels.AWS_MODERATION_LABELS):
        assert ran(name, file).status.value == "done"
    found = file.update_info(include_appdata=True)["appdata"]
    assert "labels" in found["aws_rekognition_detect_labels"]["data"]


@success(["AddonsAPI.execute", "AddonsAPI.status"], "without its background")
def _():
    end = ran(AddonLabels.REMOVE_BG, photo())
    assert end.status.value == "done" and care.file(end.result["file_id"]).is_ready


@error("AddonsAPI.execute", "nobody has the file; no UUID")
def _():
    with missing():
        care.addons_api.execute(NOBODY, AddonLabels.CLAM_AV)
    with refused(InvalidRequestError, '{"target":["Must be a valid UUID."]}'):
        care.addons_api.execute("nonexistent", AddonLabels.CLAM_AV)


@error("AddonsAPI.status", "no UUID")
def _():
    with refused(InvalidRequestError, '{"request_id":["Must be a valid UUID."]}'):
        care.addons_api.status("nonexistent", AddonLabels.CLAM_AV)
    assert care.addons_api.status(str(uuid.uuid4()), AddonLabels.CLAM_AV).status.value == "unknown"


@success(["File.detect_faces", "URLAPI.detect_faces"], "none where there are none")
def _():
    assert photo().detect_faces() == []


@error(["File.detect_faces", "URLAPI.detect_faces"], "nobody has the file")
def _():
    with refused(InvalidRequestError):
        nobody.detect_faces()


# Through a signer: an agent that may read files and nothing else.

if AGENTS:
    reader = client(secret_key=AGENTS["reader"])

    @success("FilesAPI.list", "as an agent that may read")
    def _():
        assert list(reader.files_api.list(limit=1)) is not None

    for of, call, needed in [
        ("FilesAPI.store", lambda: reader.files_api.store(NOBODY), "write"),
        ("FilesAPI.delete", lambda: reader.files_api.delete(NOBODY), "full"),
        ("FilesAPI.batch_store", lambda: reader.files_api.batch_store([NOBODY]), "write"),
        ("FilesAPI.batch_delete", lambda: reader.files_api.batch_delete([NOBODY]), "full"),
        ("FilesAPI.local_copy", lambda: reader.files_api.local_copy(NOBODY), "write"),
        ("FilesAPI.remote_copy", lambda: reader.files_api.remote_copy(NOBODY, "archive"), "full"),
        ("TagsAPI.set", lambda: reader.tags_api.set(NOBODY, ["cat"]), "write"),
        ("MetadataAPI.get_all_metadata", lambda: reader.metadata_api.get_all_metadata(NOBODY), "read"),
        ("MetadataAPI.delete_key", lambda: reader.metadata_api.delete_key(NOBODY, "pet"), "write"),
        ("GroupsAPI.delete", lambda: reader.groups_api.delete(f"{NOBODY}~1"), "full"),
        ("ProjectAPI.retrieve", lambda: reader.project_api.retrieve(), "read"),
        ("WebhooksAPI.delete", lambda: reader.webhooks_api.delete(1), "full"),
        ("VideoConvertAPI.status", lambda: reader.video_convert_api.status(1), "read"),
        ("AddonsAPI.execute", lambda: reader.addons_api.execute(NOBODY, AddonLabels.REMOVE_BG), "write"),
    ]:

        @error(of, "not granted")
        def _(call=call, needed=needed):
            with refused(AuthenticationError, f"this needs {needed} access"):
                call()


# What asks nobody.


@success(["Uploadcare.file", "File.uuid", "File.cdn_path", "File.cdn_url", "File.set_effects"], "say where the file is")
def _():
    file = photo()
    assert care.file(file.cdn_url).uuid == file.uuid and file.cdn_path() == f"{file.uuid}/"
    file.set_effects(ImageTransformation().preview(20, 20))
    assert file.cdn_url == f"{STANDINS['open']}/{file.uuid}/-/preview/20x20/"
    assert read(file.cdn_url)[:2] == b"\xff\xd8"


@success(["Uploadcare.file_group", "FileGroup.cdn_url", "FileGroup.file_cdn_urls"], "say where the group is")
def _():
    group = care.create_file_group([note(), note()])
    assert care.file_group(group.cdn_url).id == group.id
    assert group.file_cdn_urls[1] == f"{group.cdn_url}nth/1/" and read(group.file_cdn_urls[1]) == b"a few words"


@success(["Uploadcare.generate_secure_url", "Uploadcare.generate_secure_url_token"], "sign a link")
def _():
    signer = client(secure_url_builder=AkamaiSecureUrlBuilderWithAclToken("cdn.example.com", "abcdef"))
    token = signer.generate_secure_url_token(NOBODY)
    assert token.startswith("exp=") and "~hmac=" in token
    assert signer.generate_secure_url(NOBODY).startswith(f"https://cdn.example.com/{NOBODY}/?token=exp=")


suite.cannot_fail(
    "asks nobody",
    "Uploadcare.file", "Uploadcare.file_group", "Uploadcare.file_from_url", "Uploadcare.generate_secure_url",
    "Uploadcare.generate_secure_url_token", "Uploadcare.generate_upload_signature", "UploadAPI.generate_secure_signature",
    "File.uuid", "File.cdn_path", "File.cdn_url", "File.set_effects", "FileGroup.cdn_url", "FileGroup.file_cdn_urls",
    "FileGroup.is_deleted", "FileList.query_parameters", "FileList.starting_point", "FileList.resource_api",
    "GroupList.query_parameters", "GroupList.starting_point", "GroupList.resource_api",
)  # fmt: skip
suite.cannot_fail("the service refuses it always", "GroupsAPI.store")

suite.run()
