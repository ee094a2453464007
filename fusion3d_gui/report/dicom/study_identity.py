"""``copy_study``: who was scanned and in which study, exactly as the scan says it."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.valuerep import PersonName

#: Required even where they are empty (type 2: PS3.3 C.7.1.1, C.7.2.1). An empty date stays empty: another
#: value would alter the study in an archive, or undo its de-identification.
_ALWAYS = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID"),
)

#: Attributes of the patient (PS3.3 C.7.1.1), with those of de-identification.
_PATIENT = (
    *("IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "TypeOfPatientID"),
    *("PatientBirthTime", "PatientBirthDateInAlternativeCalendar", "PatientAlternativeCalendar"),
    *("PatientDeathDateInAlternativeCalendar", "ReferencedPatientSequence"),
    *("OtherPatientIDs", "OtherPatientIDsSequence", "OtherPatientNames", "QualityControlSubject"),
    *("EthnicGroup", "EthnicGroupCodeSequence", "PatientComments", "PatientSpeciesDescription"),
    *("PatientSpeciesCodeSequence", "PatientBreedDescription", "PatientBreedCodeSequence"),
    *("BreedRegistrationSequence", "StrainDescription", "StrainStockSequence"),
    *("ResponsiblePerson", "ResponsiblePersonRole", "ResponsibleOrganization"),
    *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
    *("SourcePatientGroupIdentificationSequence", "GroupOfPatientsIdentificationSequence"),
)

#: Attributes of a subject of a clinical trial (C.7.1.3) and of the trial's study (C.7.2.3).
_TRIAL = (
    *("ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName"),
    *("IssuerOfClinicalTrialProtocolID", "OtherClinicalTrialProtocolIDsSequence"),
    *("ClinicalTrialSiteID", "IssuerOfClinicalTrialSiteID", "ClinicalTrialSiteName"),
    *("ClinicalTrialSubjectID", "IssuerOfClinicalTrialSubjectID"),
    *("ClinicalTrialSubjectReadingID", "IssuerOfClinicalTrialSubjectReadingID"),
    "ClinicalTrialProtocolEthicsCommitteeName",
    "ClinicalTrialProtocolEthicsCommitteeApprovalNumber",
    *("ClinicalTrialTimePointID", "IssuerOfClinicalTrialTimePointID"),
    *("ClinicalTrialTimePointDescription", "LongitudinalTemporalOffsetFromEvent"),
    *("LongitudinalTemporalEventType", "ConsentForClinicalTrialUseSequence"),
)

#: Attributes of the study (C.7.2.1) and of the patient at that time (C.7.2.2).
_STUDY = (
    *("IssuerOfAccessionNumberSequence", "ReferringPhysicianIdentificationSequence"),
    *("ConsultingPhysicianName", "ConsultingPhysicianIdentificationSequence", "StudyDescription"),
    *("PhysiciansOfRecord", "PhysiciansOfRecordIdentificationSequence"),
    *("NameOfPhysiciansReadingStudy", "PhysiciansReadingStudyIdentificationSequence"),
    *("RequestingService", "RequestingServiceCodeSequence", "ReferencedStudySequence"),
    *("ProcedureCodeSequence", "ReasonForPerformedProcedureCodeSequence"),
    *("AdmittingDiagnosesDescription", "AdmittingDiagnosesCodeSequence", "PatientAge"),
    *("PatientSize", "PatientSizeCodeSequence", "PatientWeight", "PatientBodyMassIndex"),
    *("MeasuredAPDimension", "MeasuredLateralDimension", "MedicalAlerts", "Allergies"),
    *("SmokingStatus", "PregnancyStatus", "LastMenstrualDate", "PatientState", "Occupation"),
    *("AdditionalPatientHistory", "AdmissionID", "IssuerOfAdmissionIDSequence"),
    *("ServiceEpisodeID", "IssuerOfServiceEpisodeIDSequence", "ServiceEpisodeDescription"),
    *("PatientSexNeutered", "ReasonForVisit", "ReasonForVisitCodeSequence"),
)

#: What the scan says about how dates were changed (C.12.1, C.7.3.1).
_DATES = ("LongitudinalTemporalInformationModified", "TimezoneOffsetFromUTC")

COPIED = (*_PATIENT, *_TRIAL, *_STUDY, *_DATES)


def copy_study(source: Dataset, result: Dataset) -> None:
    """Give a result the patient and study of the scan, in UTF-8.

    What the scan does not say is taken from the result too; required elements are then empty.
    """
    result.SpecificCharacterSet = "ISO_IR 192"
    for keyword in COPIED:
        if keyword in result:
            delattr(result, keyword)
        if keyword in source:
            setattr(result, keyword, _value(source, keyword))
    for keyword in _ALWAYS:
        setattr(result, keyword, _value(source, keyword) if keyword in source else "")
    result.StudyInstanceUID = source.StudyInstanceUID


def copy_body_part(source: Dataset, result: Dataset) -> None:
    """Give a result the scan's body part and laterality; an empty laterality where it says neither.

    It must be there where the part may be one of a pair (type 2C: PS3.3 C.7.3.1).
    """
    for keyword in ("BodyPartExamined", "Laterality"):
        if source.get(keyword):
            setattr(result, keyword, source.get(keyword))
    if "BodyPartExamined" not in result and "Laterality" not in result:
        result.Laterality = ""


def _value(source: Dataset, keyword: str) -> object:
    """The value of an element, its text decoded, so that it can be written in another character set."""
    element = source[keyword]
    if element.VR == "SQ":
        return Sequence([_decoded(item) for item in element.value])
    if element.VR == "PN" and element.value is not None:
        names = [element.value] if element.VM <= 1 else list(element.value)
        texts = [PersonName(str(name)) for name in names]
        return texts[0] if len(texts) == 1 else texts
    return element.value


def _decoded(item: Dataset) -> Dataset:
    copied = Dataset()
    for element in item:
        if element.keyword and element.keyword != "SpecificCharacterSet":
            setattr(copied, element.keyword, _value(item, element.keyword))
    return copied
