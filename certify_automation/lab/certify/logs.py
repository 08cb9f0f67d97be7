"""The product's log files, byte for byte in the shapes an administrator finds."""

from __future__ import annotations

from datetime import datetime

from certify_automation.lab.windows.files import Files, split

_CULTURES = {
    "en-US": "{0.month}/{0.day}/{0.year} {hour12}:{0:%M:%S} {0:%p}",
    "en-GB": "{0:%d/%m}/{0.year} {0:%H:%M:%S}",
    "de-DE": "{0:%d.%m}.{0.year} {0:%H:%M:%S}",
    "tr-TR": "{0.day}.{0:%m}.{0.year} {0:%H:%M:%S}",
    "fr-FR": "{0:%d/%m}/{0.year} {0:%H:%M:%S}",
    "ja-JP": "{0.year}/{0:%m/%d} {0.hour}:{0:%M:%S}",
    "th-TH": "{0.day}/{0.month}/{buddhist} {0.hour}:{0:%M:%S}",
}
_OTHER = "{0:%d/%m}/{0.year} {0:%H:%M:%S}"
_HALF_DAY = 12
_BUDDHIST_ERA = 543


def local_time(now: datetime, culture: str) -> str:
    """A time as DateTime.ToString() writes it in this culture (the lab's machines are set to UTC)."""
    pattern = _CULTURES.get(culture, _OTHER)
    return pattern.format(now, hour12=now.hour % _HALF_DAY or _HALF_DAY, buddhist=now.year + _BUDDHIST_ERA)


class Log:
    """One append-only log file; what cannot be written is lost, as in the product."""

    def __init__(self, files: Files, path: str, culture: str) -> None:
        self._files = files
        self._path = path
        self._culture = culture

    def service_exception(self, now: datetime, message: str, exception: str = "") -> None:
        """An entry of the v6 service.exceptions.log: it starts with its line break; exceptions make a second one."""
        stamp = local_time(now, self._culture)
        self._append(f"\r\n[{stamp}] :: {message}")
        if exception:
            text = exception.replace("\n", "\r\n")
            self._append(f"\r\nService Exception :: [{stamp}] :: {text}")

    def startup(self, now: datetime, text: str) -> None:
        """A line of the v7 service_startup.log or unhandled_exceptions.log."""
        self._append(f"{local_time(now, self._culture)}: {text}\r\n")

    def session(self, now: datetime, level: str, text: str) -> None:
        """A line of session.log as Serilog writes it; level `INF`, `WRN` or `ERR`."""
        stamp = f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03} +00:00"
        self._append(f"{stamp} [{level}] {text}\r\n")

    def _append(self, text: str) -> None:
        if self._files.disk_full:
            return
        self._files.make_folder(split(self._path)[0])
        self._files.append(self._path, text.encode())
