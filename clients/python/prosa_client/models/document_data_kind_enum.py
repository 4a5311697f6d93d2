from enum import StrEnum


class DocumentDataKindEnum(StrEnum):
    CSV = "csv"
    DOCX = "docx"
    FAQ = "faq"
    HTML = "html"
    MD = "md"
    PDF = "pdf"
    TXT = "txt"
    XLSX = "xlsx"

    def __str__(self) -> str:
        return str(self.value)
